// Power cuts: after each, what was acknowledged is there, and nothing else is wrong either.
#include "tests/support/power_loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

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

}  // namespace
}  // namespace dray::testing
