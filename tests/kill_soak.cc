// kill -9 of each service and of the client at random moments of uploads and of start-up, round
// after round: `check` finds nothing wrong afterwards, no half file is visible, who reads meanwhile
// gets the old version or the new one whole, and the same command again moves only what had not
// arrived. `--rounds N`, `--seed N`; --gtest_filter chooses who is killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::IsEmpty;

int rounds = 4;
uint64_t seed = 1;

constexpr uint64_t kLargeBytes = 12 << 20;
constexpr uint64_t kNewBytes = 6 << 20;
constexpr int kSmallFiles = 40;
// What a put of this tree moves besides chunks: ids, names, answers.
constexpr uint64_t kOverheadBytes = 128 << 10;

// The sum of a column of the catalog, read beside whatever uses it.
uint64_t Sum(const std::string& catalog, const char* sql) {
  sqlite3* database = nullptr;
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_open_v2(catalog.c_str(), &database, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  sqlite3_busy_timeout(database, 10'000);
  EXPECT_EQ(sqlite3_prepare_v2(database, sql, -1, &statement, nullptr), SQLITE_OK);
  EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW) << sqlite3_errmsg(database);
  const auto sum = static_cast<uint64_t>(sqlite3_column_int64(statement, 0));
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return sum;
}

// Gets the large file again and again while it lives: each one must be whole, the old or the new.
class Reader {
 public:
  Reader(Stack& stack, std::string old_contents, std::string new_contents)
      : stack_(stack),
        old_(std::move(old_contents)),
        new_(std::move(new_contents)),
        thread_([this] { Run(); }) {}
  ~Reader() {
    stop_ = true;
    thread_.join();
  }

 private:
  void Run() {
    const std::string target = stack_.Path("read");
    while (!stop_) {
      // Services come and go: it may fail. What it gets is another matter.
      const CommandResult get = stack_.Dray({"get", ":/tree/large", target});
      if (get.status != 0) continue;
      const std::string got = ReadFile(target);
      EXPECT_TRUE(got == old_ || got == new_) << "a reader got " << got.size() << " bytes that are "
                                              << "neither the old version nor the new one";
      RemoveFile(target);
    }
  }

  Stack& stack_;
  const std::string old_;
  const std::string new_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

struct Victims {
  const char* name;
  bool monitor = false;
  bool delta = false;
  bool transfer = false;
  bool client = false;
};

std::ostream& operator<<(std::ostream& out, const Victims& victims) { return out << victims.name; }

class KillSoak : public ::testing::TestWithParam<Victims> {
 protected:
  KillSoak() : stack_({.room_bytes = uint64_t{4} << 30, .transfer_flags = {}}), random_(seed) {}

  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    MakeFolder(stack_.Path("tree"));
    WriteRandomFile(stack_.Path("tree/large"), kLargeBytes, random_());
    for (int i = 0; i < kSmallFiles; ++i) WriteSmall(i);
    const absl::Time start = absl::Now();
    ASSERT_EQ(stack_.Dray(Put()).status, 0);
    usual_time_ = absl::Now() - start;
  }
  std::vector<std::string> Put() const {
    return {"put", "--json", "--stats", stack_.Path("tree"), ":/"};
  }
  absl::Duration RandomTime(absl::Duration below) {
    return std::uniform_real_distribution<double>(0, 1)(random_) * below;
  }
  void WriteSmall(int i) {
    WriteFile(stack_.Path("tree/small" + std::to_string(i)),
              RandomText(100 + random_() % 20'000, random_()));
  }
  // New contents in a part of the large file and in some small ones.
  void Change() {
    std::string large = ReadFile(stack_.Path("tree/large"));
    const std::string fresh = RandomText(kNewBytes, random_());
    large.replace(random_() % (large.size() - fresh.size()), fresh.size(), fresh);
    WriteFile(stack_.Path("tree/large"), large);
    for (int i = 0; i < 10; ++i) WriteSmall(static_cast<int>(random_() % kSmallFiles));
    WriteFile(stack_.Path("tree/new" + std::to_string(round_)), RandomText(70'000, random_()));
  }

  void Kill() {
    const Victims& victims = GetParam();
    if (victims.transfer) stack_.transfer().Kill();
    if (victims.delta) stack_.delta().Kill();
    if (victims.monitor) stack_.monitor().Kill();
  }
  // Kills each once more at a random moment of its start.
  void Restart() {
    const Victims& victims = GetParam();
    for (Service* service :
         {victims.monitor ? &stack_.monitor() : nullptr, victims.delta ? &stack_.delta() : nullptr,
          victims.transfer ? &stack_.transfer() : nullptr}) {
      if (service == nullptr) continue;
      service->StartAndKill(RandomTime(1.2 * start_time_));
      const absl::Time start = absl::Now();
      service->Start();
      if (HasFatalFailure()) return;
      start_time_ = std::min(absl::Now() - start, absl::Milliseconds(300));
    }
  }

  // One upload with a death in it. Then everything is as if there had been none.
  void Round() {
    const std::string old_contents = ReadFile(stack_.Path("tree/large"));
    Change();
    {
      Reader reader(stack_, old_contents, ReadFile(stack_.Path("tree/large")));
      auto put = stack_.StartDray(Put());
      absl::SleepFor(RandomTime(1.5 * usual_time_));
      // A client whose services die goes on when they are back; every other time it dies too.
      if (GetParam().client || random_() % 2 == 0) put->process().Kill();
      Kill();
      Restart();
      if (HasFatalFailure()) return;
      const int status = put->Finish(absl::Minutes(2)).status;
      EXPECT_TRUE(status == 0 || status == 128 + SIGKILL) << "the client ended with " << status;
      PutAgain();
    }
    stack_.ExpectSound();
    ExpectWhole();
  }
  void PutAgain() {
    const uint64_t known = Sum(stack_.CatalogFile(), "SELECT sum(stored) FROM chunks");
    const CommandResult again = stack_.Dray(Put());
    ASSERT_EQ(again.status, 0) << again.err << again.out;
    const uint64_t all = Sum(stack_.CatalogFile(), "SELECT sum(stored) FROM chunks");
    moved_again_ += all - known;
    EXPECT_LE(BytesMoved(again), all - known + kOverheadBytes)
        << "more than what had not arrived was moved again";
  }
  void ExpectWhole() {
    const std::string back = stack_.Target("back");
    std::filesystem::remove_all(back);
    const CommandResult get = stack_.Dray({"get", ":/tree", back});
    EXPECT_EQ(get.status, 0) << get.err;
    EXPECT_THAT(Differences(stack_.Path("tree"), back), IsEmpty());
    const CommandResult log = stack_.Dray({"log", "--json", ":/tree/large"});
    EXPECT_EQ(log.Objects().size(), static_cast<size_t>(round_) + 1) << log.out;
  }

  Stack stack_;
  std::mt19937_64 random_;
  int round_ = 0;
  uint64_t moved_again_ = 0;
  absl::Duration usual_time_;
  absl::Duration start_time_ = absl::Milliseconds(100);
};

TEST_P(KillSoak, NothingIsLostAndNothingIsHalf) {
  for (round_ = 1; round_ <= rounds; ++round_) {
    SCOPED_TRACE(absl::StrCat("seed ", seed, ", round ", round_));
    Round();
    ASSERT_FALSE(HasFailure());
  }
  std::cout << GetParam() << ": " << rounds << " rounds, " << (moved_again_ >> 10)
            << " KiB moved again of " << ((kNewBytes * rounds) >> 10) << "\n";
}

INSTANTIATE_TEST_SUITE_P(
    Killed, KillSoak,
    ::testing::Values(
        Victims{.name = "Transfer", .transfer = true}, Victims{.name = "Delta", .delta = true},
        Victims{.name = "Monitor", .monitor = true}, Victims{.name = "Client", .client = true},
        Victims{.name = "All", .monitor = true, .delta = true, .transfer = true, .client = true}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace dray::testing

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  CLI::App app("Kills the services and the client at random moments; see the head of the source.");
  app.add_option("--rounds", dray::testing::rounds, "Rounds for each victim");
  app.add_option("--seed", dray::testing::seed, "Of everything random but the machine itself");
  CLI11_PARSE(app, argc, argv);
  return RUN_ALL_TESTS();
}
