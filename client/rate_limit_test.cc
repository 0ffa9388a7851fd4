#include "client/rate_limit.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "core/base/clock.h"

namespace dray {
namespace {

TEST(RateLimitTest, WithoutALimitNothingWaits) {
  RateLimit limit;
  EXPECT_FALSE(limit.limits());
  limit.Take(size_t{1} << 40);
}

TEST(RateLimitTest, SeveralThreadsShareOneRate) {
  RateLimit limit;
  limit.Set(1'000'000);
  const absl::Time begun = SteadyNow();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&limit] {
      for (int step = 0; step < 5; ++step) limit.Take(limit.step_bytes());
    });
  }
  for (std::thread& thread : threads) thread.join();
  // 20 steps of 50 ms; the first one goes at once. It may take longer, never shorter.
  EXPECT_GE(SteadyNow() - begun, absl::Milliseconds(945));
}

TEST(RateLimitTest, StepsAreNeverTiny) {
  RateLimit limit;
  limit.Set(1);
  EXPECT_EQ(limit.step_bytes(), 1024);
}

}  // namespace
}  // namespace dray
