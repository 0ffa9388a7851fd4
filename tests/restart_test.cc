// Services stop, die and come back: what was committed stays, and the work goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RestartTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    MakeFolder(stack_.Path("tree"));
    for (int i = 0; i < 20; ++i) {
      WriteFile(stack_.Path("tree/small" + std::to_string(i)), RandomText(1000 + 100 * i, i));
    }
    WriteRandomFile(stack_.Path("tree/large"), 20 << 20, 99);
  }

  // Puts a new state of the tree and reads it back.
  void CheckWorks() {
    ++round_;
    WriteFile(stack_.Path("tree/changes"), "round " + std::to_string(round_));
    const CommandResult put = stack_.Dray({"put", stack_.Path("tree"), ":/"});
    ASSERT_EQ(put.status, 0) << put.err;
    CheckStillThere();
  }
  void CheckStillThere() {
    const std::string back = stack_.Target("back" + std::to_string(++reads_));
    const CommandResult get = stack_.Dray({"get", ":/tree", back});
    ASSERT_EQ(get.status, 0) << get.err;
    EXPECT_THAT(Differences(stack_.Path("tree"), back), IsEmpty());
  }

  Stack stack_;
  int round_ = 0;
  int reads_ = 0;
};

TEST_F(RestartTest, EachServiceMayBeStoppedAndStartedAgain) {
  CheckWorks();
  for (Service* service : {&stack_.monitor(), &stack_.delta(), &stack_.transfer()}) {
    service->Stop();
    service->Start();
    ASSERT_FALSE(HasFatalFailure());
    CheckStillThere();
    CheckWorks();
  }
}

TEST_F(RestartTest, EachServiceMayBeKilledAndStartedAgain) {
  CheckWorks();
  for (Service* service : {&stack_.monitor(), &stack_.delta(), &stack_.transfer()}) {
    service->Kill();
    service->Start();
    ASSERT_FALSE(HasFatalFailure());
    CheckStillThere();
    CheckWorks();
  }
}

TEST_F(RestartTest, AllAtOnceMayBeKilled) {
  CheckWorks();
  stack_.transfer().Kill();
  stack_.delta().Kill();
  stack_.monitor().Kill();
  stack_.monitor().Start();
  stack_.delta().Start();
  stack_.transfer().Start();
  ASSERT_FALSE(HasFatalFailure());
  CheckStillThere();
  CheckWorks();
}

TEST_F(RestartTest, NobodyNeedsMonitor) {
  stack_.monitor().Kill();
  CheckWorks();
}

TEST_F(RestartTest, WithoutDeltaClientsAreToldThatItIsUnavailable) {
  CheckWorks();
  stack_.delta().Kill();
  const CommandResult put =
      stack_.Dray({"put", "--json", "--retries", "1", stack_.Path("tree/large"), ":/other"});
  EXPECT_EQ(put.status, 1) << put.out;
  EXPECT_THAT(put.out, HasSubstr("UNAVAILABLE"));
  EXPECT_THAT(put.err, HasSubstr("delta"));
  EXPECT_TRUE(stack_.transfer().running());

  stack_.delta().Start();
  ASSERT_FALSE(HasFatalFailure());
  CheckStillThere();
  CheckWorks();
}

TEST_F(RestartTest, ClientWaitsForADeltaThatComesBack) {
  CheckWorks();
  stack_.delta().Kill();
  auto put = stack_.StartDray({"put", stack_.Path("tree/large"), ":/other"});
  EXPECT_FALSE(put->process().Wait(absl::Seconds(2)).has_value());
  stack_.delta().Start();
  ASSERT_FALSE(HasFatalFailure());
  const CommandResult result = put->Finish(absl::Minutes(2));
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(RestartTest, ClientWaitsForATransferThatComesBack) {
  CheckWorks();
  stack_.transfer().Stop();
  auto put = stack_.StartDray({"put", stack_.Path("tree/large"), ":/other"});
  EXPECT_FALSE(put->process().Wait(absl::Seconds(2)).has_value());
  stack_.transfer().Start();
  ASSERT_FALSE(HasFatalFailure());
  const CommandResult result = put->Finish(absl::Minutes(2));
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST_F(RestartTest, WithoutTransferTheClientSaysWhereItTried) {
  const std::string address = stack_.server();
  stack_.transfer().Stop();
  const CommandResult put =
      stack_.Dray({"put", "--retries", "1", stack_.Path("tree/large"), ":/other"});
  EXPECT_EQ(put.status, 1);
  EXPECT_THAT(put.err, HasSubstr(address));
}

}  // namespace
}  // namespace dray::testing
