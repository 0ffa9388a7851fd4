#include "client/retry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "client/wire_error.h"

namespace dray {

Retrier::Retrier(const RetryPolicy& policy, std::function<bool(absl::Duration)> sleep,
                 std::function<void(const Notice&)> notice)
    : policy_(policy), sleep_(std::move(sleep)), notice_(std::move(notice)) {}

absl::Status Retrier::Run(const std::function<absl::Status()>& attempt) {
  while (true) {
    const absl::Status status = attempt();
    if (status.ok()) return status;
    DRAY_RETURN_IF_ERROR(AfterFailure(status));
  }
}

absl::Status Retrier::AfterFailure(const absl::Status& failure) {
  if (!MayRetry(failure) || failures_ >= policy_.retries) return failure;
  const absl::Duration wait = NextWait(failure);
  ++failures_;
  if (notice_) {
    notice_({Notice::Kind::kRetry,
             absl::StrFormat("%s; trying again in %s (retry %d of %d)", failure.message(),
                             absl::FormatDuration(wait), failures_, policy_.retries)});
  }
  if (!sleep_(wait)) return absl::CancelledError("interrupted");
  return absl::OkStatus();
}

absl::Duration Retrier::NextWait(const absl::Status& failure) const {
  absl::Duration wait = policy_.first_wait;
  for (int i = 0; i < failures_ && wait < policy_.max_wait; ++i) wait *= 2;
  wait = std::min(wait, policy_.max_wait);
  // A server may say that it is worth trying again at once, or ask for more than would be waited
  // otherwise, but not for forever.
  const auto asked = RetryAfter(failure);
  if (asked == absl::ZeroDuration()) return absl::ZeroDuration();
  return std::min(std::max(wait, asked.value_or(wait)), policy_.max_wait);
}

}  // namespace dray
