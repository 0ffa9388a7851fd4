#ifndef DRAY_CLIENT_SYNC_SPILL_H_
#define DRAY_CLIENT_SYNC_SPILL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/file.h"
#include "core/base/status.h"

namespace dray {

// A file without a name, in $TMPDIR or else /var/tmp.
absl::StatusOr<UniqueFd> OpenNamelessFile();

// A list of records of any length: in memory while it is short, else in a nameless file. Not
// thread-safe.
class SpillList {
 public:
  // Returns where the record lies, for At.
  absl::StatusOr<uint64_t> Append(std::string_view record);
  uint64_t size() const { return count_; }

  using Visit = std::function<absl::Status(std::string_view record)>;
  // From the first to the last, and from the last to the first; an error of `visit` ends it.
  absl::Status ForEach(const Visit& visit) const;
  absl::Status ForEachBackward(const Visit& visit) const;
  absl::StatusOr<std::string> At(uint64_t place) const;

 private:
  absl::Status Spill();
  absl::StatusOr<std::string> Read(uint64_t place, size_t bytes) const;

  UniqueFd file_;
  uint64_t file_bytes_ = 0;
  std::string tail_;  // what follows the file; records as length, bytes, length
  uint64_t count_ = 0;
};

// Hands records from one thread to another and never makes the giver wait: what does not fit into
// memory lies in a nameless file meanwhile. Thread-safe.
class SpillQueue {
 public:
  absl::Status Push(std::string record);
  // No more will be pushed.
  void Close();
  // Waits for a record; nothing when there will be none any more.
  absl::StatusOr<std::optional<std::string>> Pop();

 private:
  bool HasNews() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return closed_ || !head_.empty() || read_ < written_ || !tail_.empty();
  }
  absl::Status FlushTail() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status FillHead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Moves the whole records of `bytes` to head_; returns how many bytes they took.
  size_t TakeRecords(std::string_view bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  // The oldest records, then those in the file from read_ to written_, then tail_.
  std::deque<std::string> head_ ABSL_GUARDED_BY(mu_);
  size_t head_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  UniqueFd file_ ABSL_GUARDED_BY(mu_);
  uint64_t read_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t written_ ABSL_GUARDED_BY(mu_) = 0;
  std::string tail_ ABSL_GUARDED_BY(mu_);
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_SPILL_H_
