#include "client/cancellation.h"

#include <utility>

#include "core/base/clock.h"

namespace dray {

void Cancellation::Cancel() {
  absl::MutexLock lock(&mu_);
  if (cancelled_) return;
  cancelled_ = true;
  for (const auto& [id, hook] : hooks_) hook();
  hooks_.clear();
}

bool Cancellation::cancelled() const {
  absl::MutexLock lock(&mu_);
  return cancelled_;
}

absl::Status Cancellation::Check() const {
  return cancelled() ? absl::CancelledError("interrupted") : absl::OkStatus();
}

bool Cancellation::Sleep(absl::Duration duration) {
  return SleepUnless([this] { return cancelled(); }, duration);
}

uint64_t Cancellation::AddHook(std::function<void()> hook) {
  absl::MutexLock lock(&mu_);
  if (cancelled_) {
    hook();
    return 0;
  }
  hooks_.emplace(next_hook_, std::move(hook));
  return next_hook_++;
}

void Cancellation::RemoveHook(uint64_t id) {
  absl::MutexLock lock(&mu_);
  hooks_.erase(id);
}

}  // namespace dray
