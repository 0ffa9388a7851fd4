#ifndef DRAY_CORE_SEGMENT_OPEN_SEGMENT_H_
#define DRAY_CORE_SEGMENT_OPEN_SEGMENT_H_

#include <cstdint>
#include <utility>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/base/status.h"

namespace dray {

// The file of a segment that is being appended to. Knows how much of it is durable. Not
// thread-safe: it has one owner at a time.
class OpenSegment {
 public:
  // `fd` is that of a new, empty file.
  OpenSegment(SegmentId id, UniqueFd fd) : id_(id), fd_(std::move(fd)) {}

  SegmentId id() const { return id_; }
  uint64_t length_bytes() const { return length_bytes_; }
  // The length that survives a power cut, if the name does.
  uint64_t synced_bytes() const { return synced_bytes_; }
  bool dirty() const { return length_bytes_ != synced_bytes_ || has_torn_tail_; }
  // Where the next record goes: behind the header at first.
  uint64_t NextOffset() const;
  // Whether the name survives a power cut.
  bool name_synced() const { return name_synced_; }
  void set_name_synced() { name_synced_ = true; }

  // Appends whole records (the header before the first). On an error the segment is as long as
  // before, and fit to be synced, but should not be appended to again unless it is empty.
  absl::Status Append(Bytes records);

  // Makes what was appended durable. After an error only CutToSynced may follow.
  absl::Status Sync();

  // Cuts what is not durable.
  absl::Status CutToSynced();

 private:
  absl::Status Write(Bytes records);
  absl::Status Cut(uint64_t length_bytes);
  void StartWriteBack();

  const SegmentId id_;
  const UniqueFd fd_;
  uint64_t length_bytes_ = 0;
  uint64_t synced_bytes_ = 0;
  uint64_t write_back_bytes_ = 0;  // up to where the kernel was asked to write
  bool has_torn_tail_ = false;     // bytes behind length_bytes_ that could not be cut
  bool name_synced_ = false;
};

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_OPEN_SEGMENT_H_
