#ifndef DRAY_CORE_SEGMENT_SEGMENT_POOL_H_
#define DRAY_CORE_SEGMENT_SEGMENT_POOL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/segment/open_segment.h"
#include "core/segment/segment_store.h"
#include "core/segment/store_folder.h"

namespace dray {

// The table of a store's segments, and those among them that can be appended to: makes them, lends
// each to one writer at a time, and seals them. Thread-safe. Its calls block on disk.
class SegmentPool {
 public:
  // `sealed` is what the folder holds; ids are given out from `next_id` on. The folder must outlive
  // this.
  SegmentPool(const StoreFolder& folder, const std::vector<SegmentInfo>& sealed, uint64_t next_id);
  // Seals what was returned. REQUIRES: everything taken was given back.
  ~SegmentPool();

  // The segment that was returned last, so that small uploads fill few segments; else a new one.
  absl::StatusOr<std::unique_ptr<OpenSegment>> Take();
  // Gives a segment back for the next writer.
  void Return(std::unique_ptr<OpenSegment> segment);
  // Gives one back that shall not be appended to any more: makes it durable and seals it.
  void Finish(std::unique_ptr<OpenSegment> segment);

  // Makes the segments and their names durable; those of which IsDurable holds afterwards are,
  // whatever the status.
  absl::Status Sync(absl::Span<OpenSegment* const> segments);
  static bool IsDurable(const OpenSegment& segment) {
    return !segment.dirty() && segment.name_synced();
  }
  // REQUIRES: IsDurable.
  void Seal(std::unique_ptr<OpenSegment> segment);
  // After a failed Sync: cuts what never became durable and seals the rest.
  void Abandon(std::unique_ptr<OpenSegment> segment);

  // Takes note of a segment's new length.
  void Update(const OpenSegment& segment);
  std::optional<SegmentInfo> Find(SegmentId id) const;
  std::vector<SegmentInfo> List() const;
  void Erase(SegmentId id);

 private:
  absl::StatusOr<SegmentId> NewId();
  void Remove(const OpenSegment& segment);
  void CloseIds();

  const StoreFolder& folder_;

  absl::Mutex id_mutex_;
  uint64_t next_id_ ABSL_GUARDED_BY(id_mutex_);
  // The durable contents of the file `next`, which only this changes.
  uint64_t reserved_id_ ABSL_GUARDED_BY(id_mutex_);

  mutable absl::Mutex mutex_;
  std::map<SegmentId, SegmentInfo> table_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<OpenSegment>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_SEGMENT_POOL_H_
