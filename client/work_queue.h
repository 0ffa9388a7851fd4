#ifndef DRAY_CLIENT_WORK_QUEUE_H_
#define DRAY_CLIENT_WORK_QUEUE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace dray {

// Hands work from one thread to others; who adds waits while there are `limit` pieces. Thread-safe.
template <typename T>
class WorkQueue {
 public:
  explicit WorkQueue(size_t limit) : limit_(limit) {}

  // False, and the piece is lost, once aborted.
  bool Push(T piece) {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &WorkQueue::HasRoom));
    if (aborted_) return false;
    pieces_.push_back(std::move(piece));
    return true;
  }
  // Waits for a piece; nothing when there will be none any more.
  std::optional<T> Pop() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &WorkQueue::HasNews));
    return Take();
  }
  // Does not wait.
  std::optional<T> TryPop() {
    absl::MutexLock lock(&mu_);
    return Take();
  }
  // No more will be pushed.
  void Close() {
    absl::MutexLock lock(&mu_);
    closed_ = true;
  }
  // What is in the queue is dropped, and so is whatever is pushed.
  void Abort() {
    absl::MutexLock lock(&mu_);
    aborted_ = true;
    pieces_.clear();
  }

 private:
  bool HasRoom() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return aborted_ || pieces_.size() < limit_;
  }
  bool HasNews() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return aborted_ || closed_ || !pieces_.empty();
  }
  std::optional<T> Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (pieces_.empty()) return std::nullopt;
    std::optional<T> piece = std::move(pieces_.front());
    pieces_.pop_front();
    return piece;
  }

  const size_t limit_;
  absl::Mutex mu_;
  std::deque<T> pieces_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool aborted_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace dray

#endif  // DRAY_CLIENT_WORK_QUEUE_H_
