#include "client/rate_limit.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "core/base/clock.h"

namespace dray {
namespace {

constexpr uint64_t kStepsPerSecond = 20;
constexpr uint64_t kMinStepBytes = 1024;

}  // namespace

size_t RateLimit::step_bytes() const {
  return static_cast<size_t>(std::max(bytes_per_second_ / kStepsPerSecond, kMinStepBytes));
}

absl::Time RateLimit::TakeTime(size_t bytes) {
  absl::MutexLock lock(&mu_);
  const absl::Time from = std::max(free_from_, SteadyNow());
  free_from_ =
      from + absl::Seconds(static_cast<double>(bytes) / static_cast<double>(bytes_per_second_));
  return from;
}

void RateLimit::Take(size_t bytes) {
  if (!limits()) return;
  absl::SleepFor(TakeTime(bytes) - SteadyNow());
}

}  // namespace dray
