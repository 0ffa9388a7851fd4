// Random operations against a simple model of what should come of them: put, get, mv, rm, restore,
// undelete, collection, and services that are killed, also in the middle of an operation. Seeded:
// the same seed is the same run. At length:
//   bazel test //tests:model_test --test_arg=--steps=50000 --test_arg=--seed=7
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/dray.h"
#include "core/net/address.h"
#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

int steps = 2500;
uint64_t seed = 1;

// A version holds a content, by its number, or is a deletion.
struct ModelVersion {
  uint64_t number = 0;
  std::optional<int> content;
};
using History = std::vector<ModelVersion>;  // oldest first, never empty

// What a server should have.
class Model {
 public:
  // Nothing: it never was there, or is forgotten.
  History* Find(const std::string& name) {
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : &found->second;
  }
  std::optional<int> ContentOf(const std::string& name) {
    const History* const history = Find(name);
    return history == nullptr ? std::nullopt : history->back().content;
  }
  void Append(const std::string& name, std::optional<int> content) {
    History& history = names_[name];
    const uint64_t last = history.empty() ? 0 : history.back().number;
    history.push_back({last + 1, content});
  }
  // REQUIRES: `from` is there, `to` is not.
  void Move(const std::string& from, const std::string& to) {
    if (Find(to) == nullptr) {
      names_.insert({to, std::move(names_[from])});
      names_.erase(from);
      return;
    }
    Append(to, ContentOf(from));
    Append(from, std::nullopt);
  }
  // What a collection leaves where the newest `keep_last` versions are kept.
  void Keep(const std::string& folder, size_t keep_last) {
    for (auto& [name, history] : names_) {
      if (name.substr(0, folder.size()) != folder || history.size() <= keep_last) continue;
      history.erase(history.begin(), history.end() - static_cast<ptrdiff_t>(keep_last));
    }
  }
  const std::map<std::string, History>& names() const { return names_; }

 private:
  std::map<std::string, History> names_;
};

class ModelTest : public ::testing::Test {
 protected:
  ModelTest()
      : stack_({.transfer_flags = {"--compact-every", "100ms", "--rewrite-below", "0.7"}}),
        random_(seed) {}

  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    ClientOptions options;
    options.server = *ParseAddress(stack_.server(), 0);
    client_ = std::make_unique<Client>(options);
    for (const auto& [folder, keep_last] : kRules) {
      wire::v1::Retention rule;
      rule.set_path(folder);
      rule.set_keep_last(keep_last);
      ASSERT_TRUE(client_->SetRetention(rule).ok());
    }
    for (uint64_t i = 0; i < kBlocks; ++i) blocks_.push_back(RandomText(kBlockBytes, 1000 + i));
  }

  static constexpr uint64_t kBlocks = 24;
  static constexpr uint64_t kBlockBytes = 90'000;
  static constexpr int kContents = 40;
  static constexpr int kNamesInFolder = 6;
  // How many versions are kept in two of the three folders.
  static constexpr std::pair<const char*, uint32_t> kRules[] = {{"few", 3}, {"one", 1}};

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  std::string SomeName() {
    static constexpr const char* kFolders[] = {"all", "few", "one"};
    return absl::StrCat(kFolders[Below(3)], "/", Below(kNamesInFolder));
  }
  // A name in the same folder.
  std::string Beside(const std::string& name) {
    return absl::StrCat(name.substr(0, 4), Below(kNamesInFolder));
  }
  // Contents share blocks; some are small, one is empty.
  const std::string& Content(int number) {
    std::string& content = contents_[number];
    if (!content.empty() || number == 0) return content;
    std::mt19937_64 choose(static_cast<uint64_t>(number));
    if (number % 4 == 1) return content = absl::StrCat("small ", number);
    for (uint64_t i = 0; i < 1 + choose() % 8; ++i) content += blocks_[choose() % kBlocks];
    return content;
  }

  absl::Status Put(const std::string& name, int content) {
    const std::string file = stack_.Path("file");
    WriteFile(file, Content(content));
    SetMtime(file, 1'000'000'000 + content, 0);
    const PutJob job = {file, name};
    const Outcome outcome = client_->Put({&job, 1});
    if (!outcome.status.ok() || outcome.summary.failures.empty()) return outcome.status;
    return outcome.summary.failures[0].status;
  }
  // Number 0: the newest.
  void ExpectContent(const std::string& name, uint64_t number, int content) {
    const std::string target = stack_.Target("got");
    if (Exists(target)) RemoveFile(target);
    const GetJob job = {.remote = name, .number = number, .local = target};
    const Outcome outcome = client_->Get({&job, 1});
    ASSERT_TRUE(outcome.ok()) << Now() << "get of " << name << " " << number << ": "
                              << (outcome.summary.failures.empty()
                                      ? outcome.status
                                      : outcome.summary.failures[0].status);
    EXPECT_TRUE(ReadFile(target) == Content(content)) << Now() << name << " " << number;
  }
  void ExpectName(const std::string& name) {
    const std::optional<int> content = model_.ContentOf(name);
    if (content) return ExpectContent(name, 0, *content);
    EXPECT_EQ(client_->Stat(name).status().code(), absl::StatusCode::kNotFound) << Now() << name;
  }
  void ExpectHistory(const std::string& name, const History& history) {
    std::vector<wire::v1::Version> versions;
    const absl::Status told = client_->History(name, [&](const wire::v1::Version& version) {
      versions.insert(versions.begin(), version);  // they come newest first
      return absl::OkStatus();
    });
    ASSERT_TRUE(told.ok()) << Now() << name << ": " << told;
    ASSERT_EQ(versions.size(), history.size()) << Now() << name;
    for (size_t i = 0; i < history.size(); ++i) {
      EXPECT_EQ(versions[i].number(), history[i].number) << Now() << name;
      EXPECT_EQ(versions[i].metadata().kind() == wire::v1::DELETED, !history[i].content)
          << Now() << name << " " << history[i].number;
    }
    const ModelVersion& any = history[Below(history.size())];
    if (any.content) ExpectContent(name, any.number, *any.content);
  }
  void ExpectAll() {
    for (const auto& [name, history] : model_.names()) {
      ExpectName(name);
      // Where one version is kept, a deleted name is forgotten: it may begin at 1 again.
      if (name[0] != 'o') ExpectHistory(name, history);
    }
  }
  std::string Now() const { return absl::StrCat("seed ", seed, ", step ", step_, ": "); }

  void DoPut(const std::string& name) {
    const int content = static_cast<int>(Below(kContents));
    const absl::Status status = Put(name, content);
    ASSERT_TRUE(status.ok()) << Now() << name << ": " << status;
    if (model_.ContentOf(name) != content) model_.Append(name, content);
  }
  void DoRemove(const std::string& name) {
    const bool there = model_.ContentOf(name).has_value();
    const absl::Status status = client_->Delete(name, false).status();
    EXPECT_EQ(status.ok(), there) << Now() << name << ": " << status;
    if (there) model_.Append(name, std::nullopt);
  }
  void DoMove(const std::string& from, const std::string& to) {
    if (from[0] == 'o') return;  // whether a forgotten name has a history decides what a move does
    const bool can = model_.ContentOf(from).has_value() && !model_.ContentOf(to).has_value();
    const absl::Status status = client_->Move(from, to).status();
    EXPECT_EQ(status.ok(), can && from != to) << Now() << from << " to " << to << ": " << status;
    if (can && from != to) model_.Move(from, to);
  }
  void DoUndelete(const std::string& name) {
    const History* const history = model_.Find(name);
    const bool can = history != nullptr && !history->back().content && history->size() > 1;
    const absl::Status status = client_->Restore(name, 0).status();
    EXPECT_EQ(status.ok(), can) << Now() << name << ": " << status;
    if (can) model_.Append(name, (*history)[history->size() - 2].content);
  }
  void DoRestore(const std::string& name) {
    const History* const history = model_.Find(name);
    if (history == nullptr || name[0] == 'o') return;
    const ModelVersion version = (*history)[Below(history->size())];
    const absl::Status status = client_->Restore(name, version.number).status();
    EXPECT_EQ(status.ok(), version.content.has_value()) << Now() << name << ": " << status;
    if (version.content && version.content != history->back().content) {
      model_.Append(name, version.content);
    }
  }
  void DoCollect() {
    const CommandResult gc = stack_.Gc();
    ASSERT_EQ(gc.status, 0) << Now() << gc.err;
    for (const auto& [folder, keep_last] : kRules) model_.Keep(folder, keep_last);
  }
  void DoCrash() {
    Service& service = Below(2) == 0 ? stack_.delta() : stack_.transfer();
    service.Kill();
    service.Start();
  }
  // A service dies and comes back while a file is put: the client does not give up.
  void DoCrashWhilePutting(const std::string& name) {
    Service& service = Below(2) == 0 ? stack_.delta() : stack_.transfer();
    const absl::Duration wait = absl::Microseconds(static_cast<int64_t>(Below(20'000)));
    // A program dies with the thread that started it: that is this one.
    std::thread put([&] { DoPut(name); });
    absl::SleepFor(wait);
    service.Kill();
    service.Start();
    put.join();
  }
  void Step() {
    const std::string name = SomeName();
    const uint64_t dice = Below(1000);
    if (dice < 400) return DoPut(name);
    if (dice < 550) return ExpectName(name);
    if (dice < 670) return DoRemove(name);
    if (dice < 770) return DoMove(name, Beside(name));
    if (dice < 860) return DoUndelete(name);
    if (dice < 930) return DoRestore(name);
    if (dice < 985) return DoCollect();
    if (dice < 997) return DoCrash();
    return DoCrashWhilePutting(name);
  }

  Stack stack_;
  std::mt19937_64 random_;
  std::unique_ptr<Client> client_;
  std::vector<std::string> blocks_;
  std::map<int, std::string> contents_;
  Model model_;
  int step_ = 0;
};

TEST_F(ModelTest, TheServerDoesAsTheModel) {
  for (step_ = 1; step_ <= steps; ++step_) {
    Step();
    if (step_ % 250 == 0) ExpectAll();
    if (HasFailure()) {
      std::cerr << stack_.delta().Output() << stack_.transfer().Output();
      return;
    }
  }
  stack_.ExpectSound();
}

}  // namespace
}  // namespace dray::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  CLI::App app("Random operations against a model");
  app.add_option("--steps", dray::testing::steps, "How many")->capture_default_str();
  app.add_option("--seed", dray::testing::seed, "Which")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return RUN_ALL_TESTS();
}
