// A sync that is interrupted anywhere and run again ends as if it had not been.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::IsEmpty;

constexpr absl::Duration kPatience = absl::Minutes(4);
constexpr int kRounds = 6;

class SyncCrashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    source_ = stack_.Path("source");
    back_ = stack_.Path("back");
    MakeFolder(source_);
    for (int folder = 0; folder < 30; ++folder) {
      const std::string place = source_ + "/" + std::to_string(folder);
      MakeFolder(place, folder % 7 == 0 ? 0700 : 0755);
      MakeLink("../0/0", place + "/link");
      for (int file = 0; file < 60; ++file) {
        WriteFile(place + "/" + std::to_string(file), RandomText(2000, folder * 100 + file));
      }
    }
    WriteRandomFile(source_ + "/large", 24 << 20, 5);
  }

  // What each round changes: contents, names, folders.
  void Change(int round) {
    const std::string number = std::to_string(round);
    ASSERT_EQ(::rename((source_ + "/" + number).c_str(), (source_ + "/m" + number).c_str()), 0);
    WriteFile(source_ + "/20/" + number, "changed in round " + number);
    RemoveFile(source_ + "/21/" + number);
    RemoveFile(source_ + "/22/" + number);
    MakeFolder(source_ + "/22/" + number);
    WriteFile(source_ + "/22/" + number + "/inside", number);
    WriteRandomFile(source_ + "/large" + number, 8 << 20, 50 + round);
  }
  std::vector<std::string> Arguments(bool up) const {
    std::vector<std::string> arguments = {"sync", "--delete"};
    if (up) {
      arguments.insert(arguments.end(), {source_, ":/there"});
    } else {
      arguments.insert(arguments.end(), {":/there", back_});
    }
    return arguments;
  }
  // Kills it after some milliseconds; it may have ended before.
  void RunAndKill(bool up) {
    const auto running = stack_.StartDray(Arguments(up));
    absl::SleepFor(absl::Milliseconds(std::uniform_int_distribution<int>(5, 400)(random_)));
    running->process().Signal(SIGKILL);
    running->Finish(kPatience);
  }
  void RunToTheEnd(bool up) {
    const CommandResult result = stack_.Dray(Arguments(up));
    ASSERT_EQ(result.status, 0) << result.err;
  }

  // Starts it and waits until the catalog is written to.
  std::unique_ptr<Stack::Running> StartAndWaitForWrites(const std::vector<std::string>& arguments) {
    const std::string journal = stack_.CatalogFile() + "-wal";
    const auto written = [&] { return std::filesystem::last_write_time(journal); };
    const auto before = written();
    auto running = stack_.StartDray(arguments);
    EXPECT_TRUE(Eventually(kPatience, [&] { return written() != before; }));
    return running;
  }
  // How many names are below the tree at the server.
  size_t NamesThere() { return stack_.Dray({"ls", "-r", "--json", ":/there"}).Objects().size(); }

  Stack stack_;
  std::string source_, back_;
  std::mt19937 random_{4711};
};

TEST_F(SyncCrashTest, ClientsThatAreKilled) {
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) Change(round);
    for (const bool up : {true, false}) {
      RunAndKill(up);
      RunAndKill(up);
      RunToTheEnd(up);
      ASSERT_FALSE(HasFatalFailure());
    }
    ASSERT_THAT(Differences(source_, back_), IsEmpty()) << "in round " << round;
  }
  stack_.ExpectSound();
}

TEST_F(SyncCrashTest, AFrontDoorThatIsKilled) {
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) Change(round);
    for (const bool up : {true, false}) {
      const auto running = stack_.StartDray(Arguments(up));
      absl::SleepFor(absl::Milliseconds(std::uniform_int_distribution<int>(5, 400)(random_)));
      stack_.transfer().Kill();
      stack_.transfer().Start();
      ASSERT_FALSE(HasFatalFailure());
      const CommandResult result = running->Finish(kPatience);
      EXPECT_EQ(result.status, 0) << result.err;
      RunToTheEnd(up);
      ASSERT_FALSE(HasFatalFailure());
    }
    ASSERT_THAT(Differences(source_, back_), IsEmpty()) << "in round " << round;
  }
  stack_.ExpectSound();
}

TEST_F(SyncCrashTest, ACatalogThatIsKilledAmongDeletions) {
  constexpr int kFiles = 5000;
  bool in_the_middle = false;
  for (int round = 0; round < 8 && !in_the_middle; ++round) {
    const std::string folder = absl::StrCat("many", round);
    MakeFolder(source_ + "/" + folder);
    for (int i = 0; i < kFiles; ++i) WriteFile(absl::StrCat(source_, "/", folder, "/", i), "small");
    RunToTheEnd(true);
    ASSERT_FALSE(HasFatalFailure());
    // Not with their folder, which would be one deletion.
    for (int i = 0; i < kFiles; ++i) RemoveFile(absl::StrCat(source_, "/", folder, "/", i));
    const size_t before = NamesThere();
    const auto running = StartAndWaitForWrites(Arguments(true));
    absl::SleepFor(absl::Milliseconds(std::uniform_int_distribution<int>(0, 100)(random_)));
    running->process().Signal(SIGSTOP);
    stack_.delta().Kill();
    stack_.delta().Start();
    ASSERT_FALSE(HasFatalFailure());
    const size_t gone = before - NamesThere();
    in_the_middle = gone > 0 && gone < kFiles;
    running->process().Signal(SIGCONT);
    const CommandResult result = running->Finish(kPatience);
    EXPECT_EQ(result.status, 0) << result.err;
    RunToTheEnd(true);
    RunToTheEnd(false);
    ASSERT_THAT(Differences(source_, back_), IsEmpty()) << "in round " << round;
    // Put once, and deleted once: what was done before the kill was not done again.
    for (int i = 0; i < kFiles; i += kFiles / 20) {
      const std::string path = absl::StrCat(folder, "/", i);
      const CommandResult log = stack_.Dray({"log", "--json", ":/there/" + path});
      EXPECT_EQ(log.Objects().size(), 2u) << path << log.out << log.err;
    }
  }
  EXPECT_TRUE(in_the_middle) << "some deletions should have been done and some not";
  stack_.ExpectSound();
}

}  // namespace
}  // namespace dray::testing
