#include "services/transfer/admin/chunk_verifier.h"

#include <memory>

#include "core/base/file.h"
#include "core/chunking/sha256.h"
#include "core/framing/data_frame.h"

namespace dray::transfer {

absl::Status ChunkVerifier::Verify(const ScannedRecord& record) {
  const RecordLocation& location = record.location;
  if (location.stored_bytes < kDataFrameOverheadBytes ||
      location.stored_bytes > kMaxDataFrameBytes || record.raw_bytes == 0 ||
      record.raw_bytes > kMaxDataFrameBytes - kDataFrameOverheadBytes) {
    return absl::DataLossError(absl::StrCat("a record of ", location.stored_bytes,
                                            " bytes for a chunk of ", record.raw_bytes,
                                            " bytes cannot be"));
  }
  DRAY_ASSIGN_OR_RETURN(const std::shared_ptr<const ReadableSegment> segment,
                        store_->Open(location.segment));
  stored_.resize(location.stored_bytes);
  DRAY_ASSIGN_OR_RETURN(const size_t read,
                        ReadAt(segment->fd(), location.offset_bytes, absl::MakeSpan(stored_)));
  if (read < stored_.size()) return absl::DataLossError("the segment ends before the record does");

  const absl::StatusOr<DataFrame> frame = ParseDataFrame(stored_);
  if (!frame.ok()) return absl::DataLossError(frame.status().message());
  if (frame->id != record.id || frame->raw_bytes != record.raw_bytes) {
    return absl::DataLossError(absl::StrCat("the record is of chunk ", frame->id.hex(), ", ",
                                            frame->raw_bytes, " bytes long"));
  }
  raw_.resize(record.raw_bytes);
  DRAY_ASSIGN_OR_RETURN(const Bytes raw, RawChunk(*frame, absl::MakeSpan(raw_)));
  if (Sha256(raw).As<ChunkTag>() != record.id) {
    return absl::DataLossError("its bytes do not have its id");
  }
  return absl::OkStatus();
}

}  // namespace dray::transfer
