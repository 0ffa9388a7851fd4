#include "core/segment/segment_scanner.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/framing/data_frame.h"
#include "core/segment/segment_format.h"

namespace dray {
namespace {

// A window that slides forward over a file.
class Window {
 public:
  Window(int fd, uint64_t size_bytes)
      : fd_(fd),
        size_bytes_(size_bytes),
        capacity_(static_cast<size_t>(std::min<uint64_t>(size_bytes, 4 * kMaxDataFrameBytes))),
        buffer_(new uint8_t[capacity_]) {}

  // The file's length as far as it is known: shorter than expected once its end was met.
  uint64_t size_bytes() const { return size_bytes_; }

  // The bytes from `offset` on: as many as the longest record has, fewer only at the file's end.
  // Good until the next call. REQUIRES: no offset is smaller than that of the call before.
  absl::StatusOr<Bytes> At(uint64_t offset) {
    if (End() < std::min<uint64_t>(size_bytes_, offset + kMaxDataFrameBytes)) {
      DRAY_RETURN_IF_ERROR(Slide(offset));
    }
    if (offset >= End()) return Bytes();
    const size_t skip = static_cast<size_t>(offset - start_);
    return Bytes(buffer_.get() + skip, std::min(filled_ - skip, kMaxDataFrameBytes));
  }

 private:
  uint64_t End() const { return start_ + filled_; }

  absl::Status Slide(uint64_t offset) {
    const size_t kept = offset < End() ? static_cast<size_t>(End() - offset) : 0;
    std::memmove(buffer_.get(), buffer_.get() + filled_ - kept, kept);
    start_ = offset;
    filled_ = kept;
    const size_t wanted =
        static_cast<size_t>(std::min<uint64_t>(capacity_ - kept, size_bytes_ - End()));
    DRAY_ASSIGN_OR_RETURN(const size_t read,
                          ReadAt(fd_, End(), MutableBytes(buffer_.get() + kept, wanted)));
    filled_ += read;
    if (read < wanted) size_bytes_ = End();
    return absl::OkStatus();
  }

  const int fd_;
  uint64_t size_bytes_;
  const size_t capacity_;
  const std::unique_ptr<uint8_t[]> buffer_;
  uint64_t start_ = 0;  // where in the file the buffer's first byte lies
  size_t filled_ = 0;
};

// Decides cheaply for almost every offset that is no record's.
bool LooksLikeRecord(Bytes at) {
  return at.size() > kDataFrameOverheadBytes && at[0] == 0 && at[4] == 0x10 && at[6] == 0 &&
         at[7] == 0;
}

// The record at the start of `at`, if there is one.
absl::StatusOr<DataFrame> RecordAt(Bytes at) {
  DRAY_ASSIGN_OR_RETURN(const size_t length, DataFrameLength(at.data()));
  if (length > at.size()) return absl::DataLossError("cut off");
  return ParseDataFrame(at.first(length));
}

// Joins damaged bytes to ranges and reports each once.
class DamageReporter {
 public:
  DamageReporter(SegmentId id, const std::function<void(const DamagedRange&)>& on_damage)
      : id_(id), on_damage_(on_damage) {}

  void Add(uint64_t offset, uint64_t length) {
    if (length == 0) return;
    if (length_ == 0) offset_ = offset;
    length_ += length;
  }

  void Flush() {
    if (length_ > 0) {
      on_damage_({.segment = id_, .offset_bytes = offset_, .length_bytes = length_});
    }
    length_ = 0;
  }

 private:
  const SegmentId id_;
  const std::function<void(const DamagedRange&)>& on_damage_;
  uint64_t offset_ = 0;
  uint64_t length_ = 0;
};

}  // namespace

absl::StatusOr<uint64_t> ScanSegment(int fd, SegmentId id, uint64_t size_bytes,
                                     const std::function<void(const ScannedRecord&)>& on_record,
                                     const std::function<void(const DamagedRange&)>& on_damage) {
  Window window(fd, size_bytes);
  DamageReporter damage(id, on_damage);
  DRAY_ASSIGN_OR_RETURN(const Bytes start, window.At(0));
  const auto header = SegmentHeader(id);
  const size_t header_bytes = std::min(start.size(), header.size());
  if (start.first(header_bytes) != Bytes(header)) damage.Add(0, header_bytes);
  uint64_t offset = header_bytes;
  uint64_t last_record_end = 0;
  while (offset < window.size_bytes()) {
    DRAY_ASSIGN_OR_RETURN(const Bytes at, window.At(offset));
    if (at.empty()) break;  // the file became shorter
    if (LooksLikeRecord(at)) {
      if (auto record = RecordAt(at); record.ok()) {
        damage.Flush();
        const auto stored_bytes = static_cast<uint32_t>(record->frame_bytes());
        on_record(
            {.id = record->id,
             .raw_bytes = record->raw_bytes,
             .location = {.segment = id, .offset_bytes = offset, .stored_bytes = stored_bytes}});
        offset += stored_bytes;
        last_record_end = offset;
        continue;
      }
    }
    damage.Add(offset, 1);
    ++offset;
  }
  damage.Add(offset, size_bytes - offset);
  damage.Flush();
  return last_record_end;
}

}  // namespace dray
