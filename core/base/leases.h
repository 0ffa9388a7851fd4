#ifndef DRAY_CORE_BASE_LEASES_H_
#define DRAY_CORE_BASE_LEASES_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace dray {

// What goes on, in the order in which it began: for who has to wait until all that may know of
// something has ended. By number, not by clock. Thread-safe; outlives its leases.
class Leases {
 public:
  // From Begin() until it is destroyed or ended. May be moved, and be empty.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept
        : leases_(std::exchange(other.leases_, nullptr)), number_(other.number_) {}
    Lease& operator=(Lease&& other) noexcept {
      End();
      leases_ = std::exchange(other.leases_, nullptr);
      number_ = other.number_;
      return *this;
    }
    ~Lease() { End(); }

    void End() {
      if (Leases* const leases = std::exchange(leases_, nullptr)) leases->EndOne(number_);
    }

   private:
    friend class Leases;
    Lease(Leases* leases, uint64_t number) : leases_(leases), number_(number) {}

    Leases* leases_ = nullptr;
    uint64_t number_ = 0;
  };

  Lease Begin() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    open_.insert(next_);
    return Lease(this, next_++);
  }
  // All leases so far have lower numbers.
  uint64_t Next() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return next_;
  }
  // How many with numbers below have not ended.
  size_t OpenBefore(uint64_t number) const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return static_cast<size_t>(std::distance(open_.begin(), open_.lower_bound(number)));
  }

 private:
  void EndOne(uint64_t number) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    open_.erase(number);
  }

  mutable absl::Mutex mutex_;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::btree_set<uint64_t> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dray

#endif  // DRAY_CORE_BASE_LEASES_H_
