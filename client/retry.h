#ifndef DRAY_CLIENT_RETRY_H_
#define DRAY_CLIENT_RETRY_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "client/options.h"
#include "core/base/status.h"

namespace dray {

// Decides whether and when one piece of work is tried again. Not thread-safe.
class Retrier {
 public:
  // `sleep` returns whether to go on. `notice` is told of each retry before the wait. Both are
  // called on the caller's thread.
  Retrier(const RetryPolicy& policy, std::function<bool(absl::Duration)> sleep,
          std::function<void(const Notice&)> notice);

  // Runs `attempt` until it succeeds, fails for good, or the retries are used up; returns its last
  // status.
  absl::Status Run(const std::function<absl::Status()>& attempt);

  // For loops of their own: after a failed attempt, waits and returns OK when it is to be tried
  // again, else what to give up with.
  absl::Status AfterFailure(const absl::Status& failure);
  // Something worked: failures are counted from 0 again.
  void Reset() { failures_ = 0; }

 private:
  absl::Duration NextWait(const absl::Status& failure) const;

  const RetryPolicy policy_;
  const std::function<bool(absl::Duration)> sleep_;
  const std::function<void(const Notice&)> notice_;
  int failures_ = 0;
};

}  // namespace dray

#endif  // DRAY_CLIENT_RETRY_H_
