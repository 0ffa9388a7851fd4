#include "services/transfer/engine/retry_advice.h"

#include "absl/strings/cord.h"

namespace dray::transfer {
namespace {

constexpr char kNoRetryPayload[] = "dray/no-retry";
constexpr uint32_t kAfterMs = 1000;

}  // namespace

RetryAdvice AdviceFor(const absl::Status& status) {
  if (!IsRetryable(status) || status.GetPayload(kNoRetryPayload).has_value()) return {};
  // Only what is down or full gets better by waiting.
  const bool waits = absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
  return {true, waits ? kAfterMs : 0};
}

absl::Status NotWorthRetrying(absl::Status status) {
  status.SetPayload(kNoRetryPayload, absl::Cord());
  return status;
}

}  // namespace dray::transfer
