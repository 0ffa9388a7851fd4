#ifndef DRAY_CORE_SEGMENT_SEGMENT_STORE_H_
#define DRAY_CORE_SEGMENT_SEGMENT_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/base/status.h"

namespace dray {

inline constexpr uint64_t kMaxSegmentBytes = 64u << 20;

// Where a record lies.
struct RecordLocation {
  SegmentId segment{};
  uint64_t offset_bytes = 0;
  uint32_t stored_bytes = 0;  // the whole record
};

// A record found by a scan.
struct ScannedRecord {
  ChunkId id;
  uint32_t raw_bytes = 0;
  RecordLocation location;
};

// Bytes of a segment that are no valid record.
struct DamagedRange {
  SegmentId segment{};
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
};

struct SegmentInfo {
  SegmentId id{};
  uint64_t size_bytes = 0;
  bool sealed = false;
};

// An exclusive lease to append. Rolls over to a new segment as one fills. Not thread-safe. Its
// calls block on disk. When it is destroyed its segment goes back to the store, for the next lease.
// The store must outlive it.
class SegmentWriter {
 public:
  virtual ~SegmentWriter() = default;

  // Appends whole records that lie one after the other in `records`; locations come in the same
  // order. What was appended is readable at once but not yet durable. On an error nothing of this
  // call may be told to anyone; a later call goes on in a new segment.
  virtual absl::StatusOr<std::vector<RecordLocation>> Append(Bytes records) = 0;

  // Everything appended before is durable when this returns OK. After an error, nothing since the
  // last good Sync is.
  virtual absl::Status Sync() = 0;
};

// A segment open for reading; its descriptor may be used with pread and sendfile from any thread
// while this lives.
class ReadableSegment {
 public:
  virtual ~ReadableSegment() = default;
  virtual int fd() const = 0;
};

// Stores chunk records in append-only segments: docs/format/segment.md. Thread-safe. Its calls
// block on disk.
class SegmentStore {
 public:
  virtual ~SegmentStore() = default;

  virtual absl::StatusOr<std::unique_ptr<SegmentWriter>> Lease() = 0;

  // Kept open in a bounded cache. NOT_FOUND when there is no such segment.
  virtual absl::StatusOr<std::shared_ptr<const ReadableSegment>> Open(SegmentId id) = 0;

  // All segments, in order of id.
  virtual absl::StatusOr<std::vector<SegmentInfo>> List() = 0;

  // Walks a segment's records in order, reading each one whole, with its checksum; what is no
  // record goes to `on_damage`. What it tells of is durable. Ids are not checked. Bytes behind
  // damage may be a record by accident or malice: check the chunk against its id before trusting
  // it.
  virtual absl::Status Scan(SegmentId id,
                            const std::function<void(const ScannedRecord&)>& on_record,
                            const std::function<void(const DamagedRange&)>& on_damage) = 0;

  // Deletes a whole segment, durably. Those who have it open can still read it.
  // FAILED_PRECONDITION while it is not sealed, NOT_FOUND when there is none.
  virtual absl::Status Delete(SegmentId id) = 0;
};

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_SEGMENT_STORE_H_
