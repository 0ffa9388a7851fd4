#ifndef DRAY_CORE_BASE_CLOCK_H_
#define DRAY_CORE_BASE_CLOCK_H_

#include <algorithm>
#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

// Spans of time on machines whose wall clock jumps. A mutex's AwaitWithTimeout ends by the wall
// clock: where a jump back would leave something undone, use these.
namespace dray {

// The time since some moment in the past; never jumps. To be compared with itself only.
inline absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// For gRPC, which takes the wall clock's time and turns it into a span by looking at that clock
// itself. absl::Now() lags behind a jump by up to seconds.
inline std::chrono::system_clock::time_point GrpcDeadline(absl::Duration span) {
  return std::chrono::system_clock::now() +
         std::chrono::duration_cast<std::chrono::system_clock::duration>(
             absl::ToChronoNanoseconds(span));
}

// Sleeps, and looks 20 times a second whether to stop. Whether the span passed.
template <typename Stopped>
bool SleepUnless(Stopped stopped, absl::Duration span) {
  for (const absl::Time end = SteadyNow() + span; !stopped();) {
    const absl::Duration left = end - SteadyNow();
    if (left <= absl::ZeroDuration()) return true;
    absl::SleepFor(std::min(left, absl::Milliseconds(50)));
  }
  return false;
}

}  // namespace dray

#endif  // DRAY_CORE_BASE_CLOCK_H_
