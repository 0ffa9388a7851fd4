#ifndef DRAY_SERVICES_TRANSFER_ENGINE_SEGMENT_RUN_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_SEGMENT_RUN_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/segment/segment_store.h"

namespace dray::transfer {

struct OfferedBase;

// Whole records that lie one after the other in a segment.
struct SegmentRun {
  SegmentId segment{};
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  size_t item = 0;                    // the file that the first of them belongs to
  uint64_t content_bytes = 0;         // of the files, before compression and without records' heads
  const OfferedBase* base = nullptr;  // of the one record that it then is; not sent as it lies
};

// Puts records in file order together to runs.
class SegmentRunBuilder {
 public:
  // A run ends beyond this, so that something else may be sent between two.
  static constexpr uint64_t kMaxRunBytes = 4u << 20;

  void Add(const SegmentRun& record);
  bool empty() const { return runs_.empty(); }
  std::vector<SegmentRun> Take() { return std::exchange(runs_, {}); }

 private:
  std::vector<SegmentRun> runs_;
};

// Sends runs from segments to a socket with sendfile(2). Not thread-safe.
class SegmentRunSender {
 public:
  // `store` outlives it.
  SegmentRunSender(SegmentStore* store, std::vector<SegmentRun> runs)
      : store_(store), runs_(std::move(runs)) {}

  // Sends until all is sent, `limit_bytes` are, or the socket, which is a non-blocking one, takes
  // no more. Blocks on disk. DATA_LOSS when a segment cannot be read: at a run's start nothing of
  // it was sent. UNAVAILABLE when the connection is lost.
  absl::Status Send(int socket, uint64_t limit_bytes);

  bool done() const { return next_ == runs_.size(); }
  // A run was sent in part: nothing else may be sent now.
  bool within_run() const { return sent_of_run_ > 0; }
  // The socket took no more when Send() last returned.
  bool blocked() const { return blocked_; }
  // What was sent since this was last asked.
  uint64_t TakeSentBytes() { return std::exchange(sent_bytes_, 0); }
  // The files' bytes in it; within a run, in proportion.
  uint64_t TakeContentBytes() { return std::exchange(content_bytes_, 0); }
  // The run that an error is about.
  const SegmentRun& current() const { return runs_[next_]; }

 private:
  absl::Status OpenRun();
  void CountSent(uint64_t bytes);

  SegmentStore* const store_;
  const std::vector<SegmentRun> runs_;
  size_t next_ = 0;
  uint64_t sent_of_run_ = 0;
  uint64_t sent_bytes_ = 0;
  uint64_t content_bytes_ = 0;
  bool blocked_ = false;
  SegmentId open_id_{};
  std::shared_ptr<const ReadableSegment> open_;
  uint64_t open_size_bytes_ = 0;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_SEGMENT_RUN_H_
