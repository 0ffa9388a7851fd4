// A sync that is interrupted anywhere and run again ends as if it had not been.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

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

}  // namespace
}  // namespace dray::testing
