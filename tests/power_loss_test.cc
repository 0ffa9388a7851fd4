// Power cuts: after each, what was acknowledged is there, and nothing else is wrong either.
#include "tests/support/power_loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kRounds = 12;

class PowerLossTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MakeFolder(stack_.scratch().Path("shadow"));
    MakeFolder(stack_.Path("tree"));
  }
  void StartOn(std::map<std::string, std::string> environment) {
    stack_.delta().SetEnvironment(environment);
    stack_.transfer().SetEnvironment(environment);
    stack_.Start();
  }
  void CutPower() {
    stack_.transfer().Kill();
    stack_.delta().Kill();
    power_.Cut(stack_.StoreFolder(), random_);
    power_.Cut(stack_.scratch().Path("delta"), random_);
  }
  // Some new files, small and large.
  void Change(int round) {
    for (int i = 0; i < 5; ++i) {
      WriteFile(stack_.Path(absl::StrCat("tree/", round, "-", i)),
                RandomText(1 + random_() % 300'000, random_()));
    }
    WriteRandomFile(stack_.Path("tree/large"), 2 << 20, random_());
  }

  Stack stack_;
  std::mt19937_64 random_{3};
  PowerLoss power_{stack_.scratch().Path("shadow")};
};

TEST_F(PowerLossTest, WhatWasAcknowledgedIsThere) {
  StartOn(power_.environment());
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    Change(round);
    const CommandResult put = stack_.Dray({"put", stack_.Path("tree"), ":/"});
    ASSERT_EQ(put.status, 0) << put.err;
    // The power goes in the middle of another upload, of which nothing was promised.
    WriteRandomFile(stack_.Path("other"), 8 << 20, random_());
    auto other = stack_.StartDray({"put", stack_.Path("other"), absl::StrCat(":/other", round)});
    absl::SleepFor(absl::Milliseconds(random_() % 80));
    CutPower();
    other->process().Kill();
    stack_.delta().Start();
    ASSERT_FALSE(HasFatalFailure());
    stack_.transfer().Start();
    ASSERT_FALSE(HasFatalFailure());
    stack_.ExpectSound();
    const std::string back = stack_.Path(absl::StrCat("back", round));
    EXPECT_EQ(stack_.Dray({"get", ":/tree", back}).status, 0);
    EXPECT_THAT(Differences(stack_.Path("tree"), back), IsEmpty());
    ASSERT_FALSE(HasFailure());
  }
}

// That the test above would see it if something was not synced.
TEST_F(PowerLossTest, OnADiskThatLiesItIsNotThere) {
  auto lying = power_.environment();
  lying["DRAY_POWER_LOSS_LIES"] = "1";
  StartOn(lying);
  Change(0);
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("tree"), ":/"}).status, 0);
  CutPower();
  stack_.delta().Start();
  ASSERT_FALSE(HasFatalFailure());
  // Some of what is lost transfer sees at once.
  if (const absl::Status started = stack_.transfer().TryStart(); !started.ok()) {
    EXPECT_THAT(started.message(), HasSubstr(stack_.StoreFolder()));
    return;
  }
  const std::string back = stack_.Target("back");
  stack_.Dray({"get", ":/tree", back});
  EXPECT_TRUE(!Exists(back) || !Differences(stack_.Path("tree"), back).empty());
}

// What a client keeps of what it got with --fsync.
class SyncedGetTest : public PowerLossTest {
 protected:
  static constexpr int kFiles = 300;

  void SetUp() override {
    PowerLossTest::SetUp();
    stack_.Start();
    Put(0);
  }
  static std::string Contents(int file, int version) {
    return RandomText(1 + file * 97 % 20'000, version * 1000 + file);
  }
  std::string Name(int file) const { return absl::StrCat(back_, "/", file); }
  void Put(int version) {
    for (int i = 0; i < kFiles; ++i) {
      WriteFile(stack_.Path(absl::StrCat("tree/", i)), Contents(i, version));
    }
    const CommandResult put = stack_.Dray({"put", stack_.Path("tree"), ":/"});
    ASSERT_EQ(put.status, 0) << put.err;
  }
  std::unique_ptr<Stack::Running> StartGet(const std::vector<std::string>& flags) {
    std::vector<std::string> get = {"sync", ":/tree", back_};
    get.insert(get.end(), flags.begin(), flags.end());
    return stack_.StartDray(get, {.environment = power_.environment()});
  }
  // Of how many files the contents are of this version.
  int Whole(int version) const {
    int whole = 0;
    for (int i = 0; i < kFiles; ++i) {
      whole += Exists(Name(i)) && ReadFile(Name(i)) == Contents(i, version);
    }
    return whole;
  }

  const std::string back_ = stack_.Path("back");
};

TEST_F(SyncedGetTest, WhatWasGotIsThere) {
  const CommandResult get = StartGet({"--fsync"})->Finish(absl::Minutes(2));
  ASSERT_EQ(get.status, 0) << get.err;
  power_.Cut(back_, random_);
  EXPECT_EQ(Whole(0), kFiles);
}

// That the test above would see it if something was not synced.
TEST_F(SyncedGetTest, WhatWasNotSyncedIsNotThere) {
  const CommandResult get = StartGet({})->Finish(absl::Minutes(2));
  ASSERT_EQ(get.status, 0) << get.err;
  power_.Cut(back_, random_);
  EXPECT_LT(Whole(0), kFiles);
}

TEST_F(SyncedGetTest, InTheMiddleEachNameHasAWholeFile) {
  ASSERT_EQ(StartGet({"--fsync"})->Finish(absl::Minutes(2)).status, 0);
  for (int round = 1; round <= 4; ++round) {
    Put(round);
    ASSERT_FALSE(HasFatalFailure());
    auto get = StartGet({"--fsync"});
    absl::SleepFor(absl::Milliseconds(random_() % 300));
    get->process().Kill();
    power_.Cut(back_, random_);
    for (int i = 0; i < kFiles; ++i) {
      if (!Exists(Name(i))) continue;  // replaced, and neither is kept
      const std::string now = ReadFile(Name(i));
      EXPECT_TRUE(now == Contents(i, round) || now == Contents(i, round - 1)) << i;
    }
    ASSERT_FALSE(HasFailure()) << "in round " << round;
    const CommandResult again = StartGet({"--fsync"})->Finish(absl::Minutes(2));
    ASSERT_EQ(again.status, 0) << again.err;
    EXPECT_EQ(Whole(round), kFiles);
  }
}

}  // namespace
}  // namespace dray::testing
