#include "client/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dray {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class RetryTest : public ::testing::Test {
 protected:
  Retrier MakeRetrier(const RetryPolicy& policy) {
    return Retrier(
        policy,
        [this](absl::Duration wait) {
          waits_.push_back(absl::ToInt64Seconds(wait));
          return true;
        },
        [this](const Notice& notice) { notices_.push_back(notice.message); });
  }
  absl::Status Fail(Retrier retrier, const absl::Status& failure) {
    return retrier.Run([&] {
      ++attempts_;
      return failure;
    });
  }

  int attempts_ = 0;
  std::vector<int64_t> waits_;
  std::vector<std::string> notices_;
};

// The waits of the clients of older systems: docs/classic-clients.md.
TEST_F(RetryTest, WaitsOneTwoFourEightSixteenSeconds) {
  const auto status = Fail(MakeRetrier(RetryPolicy()), absl::UnavailableError("no answer"));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(waits_, ElementsAre(1, 2, 4, 8, 16));
  EXPECT_EQ(attempts_, 6);
  ASSERT_THAT(notices_, SizeIs(5));
  EXPECT_THAT(notices_[4], HasSubstr("no answer; trying again in 16s (retry 5 of 5)"));
}

TEST_F(RetryTest, NeverWaitsLongerThanThirtyTwoSeconds) {
  Fail(MakeRetrier({.retries = 8}), absl::UnavailableError("no answer")).IgnoreError();
  EXPECT_THAT(waits_, ElementsAre(1, 2, 4, 8, 16, 32, 32, 32));
}

TEST_F(RetryTest, WhatCannotPassIsNotTriedAgain) {
  const auto status = Fail(MakeRetrier(RetryPolicy()), absl::NotFoundError("no such file"));
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_EQ(attempts_, 1);
}

TEST_F(RetryTest, ASuccessBeginsAnew) {
  Retrier retrier = MakeRetrier({.retries = 2});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(retrier.AfterFailure(absl::UnavailableError("cut")).ok());
    EXPECT_TRUE(retrier.AfterFailure(absl::UnavailableError("cut")).ok());
    retrier.Reset();
  }
  EXPECT_THAT(waits_, ElementsAre(1, 2, 1, 2, 1, 2));
}

}  // namespace
}  // namespace dray
