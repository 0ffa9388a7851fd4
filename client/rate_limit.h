#ifndef DRAY_CLIENT_RATE_LIMIT_H_
#define DRAY_CLIENT_RATE_LIMIT_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace dray {

// How many bytes a second go one way, over all connections together. Nothing is saved up: after a
// pause the rate is no higher. Thread-safe.
class RateLimit {
 public:
  // 0: none. To be called before anything else.
  void Set(uint64_t bytes_per_second) { bytes_per_second_ = bytes_per_second; }
  bool limits() const { return bytes_per_second_ > 0; }

  // How many bytes are best moved in one go: a fraction of a second's worth.
  size_t step_bytes() const;
  // Waits until what was taken before has had its time, then takes `bytes`.
  void Take(size_t bytes);

 private:
  absl::Time TakeTime(size_t bytes);

  uint64_t bytes_per_second_ = 0;
  absl::Mutex mu_;
  absl::Time free_from_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace dray

#endif  // DRAY_CLIENT_RATE_LIMIT_H_
