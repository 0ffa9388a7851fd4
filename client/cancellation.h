#ifndef DRAY_CLIENT_CANCELLATION_H_
#define DRAY_CLIENT_CANCELLATION_H_

#include <cstdint>
#include <functional>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/status.h"

namespace dray {

// Tells everything that waits to stop. Thread-safe. Once cancelled, always cancelled.
class Cancellation {
 public:
  // Runs every hook once, on this thread. Not for signal handlers.
  void Cancel();
  bool cancelled() const;
  // CANCELLED once cancelled, else OK.
  absl::Status Check() const;

  // Returns false, at once, when cancelled meanwhile.
  bool Sleep(absl::Duration duration);

  // `hook` runs when Cancel is called (at once if it was), unless removed before; RemoveHook waits
  // for a hook that runs.
  uint64_t AddHook(std::function<void()> hook);
  void RemoveHook(uint64_t id);

 private:
  mutable absl::Mutex mu_;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t next_hook_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<uint64_t, std::function<void()>> hooks_ ABSL_GUARDED_BY(mu_);
};

}  // namespace dray

#endif  // DRAY_CLIENT_CANCELLATION_H_
