#ifndef DRAY_SERVICES_TRANSFER_ENGINE_RETRY_ADVICE_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_RETRY_ADVICE_H_

#include <cstdint>

#include "core/base/status.h"

namespace dray::transfer {

// Whether a client that got an error should try the same again, and how long it should wait first.
struct RetryAdvice {
  bool retry = false;
  uint32_t after_ms = 0;
};

RetryAdvice AdviceFor(const absl::Status& status);

// The same error, of which AdviceFor() says that the same request will fail again, although its
// code often means something passing.
absl::Status NotWorthRetrying(absl::Status status);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_RETRY_ADVICE_H_
