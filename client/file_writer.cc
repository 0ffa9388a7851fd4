#include "client/file_writer.h"

#include <utility>

#include "core/base/path.h"

namespace dray {

absl::Status LossOf(const RemoteFile& file, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(EscapeName(file.local), ": ", what));
}

FileWriter::~FileWriter() {
  if (!finished_) tracker_->AddDone(-static_cast<int64_t>(offset_bytes_));
}

absl::Status FileWriter::Open() {
  DRAY_ASSIGN_OR_RETURN(incoming_, IncomingFile::Open(file_));
  return absl::OkStatus();
}

absl::Status FileWriter::Add(const Download::VerifiedChunk& chunk) {
  DRAY_RETURN_IF_ERROR(AddLocal(chunk.id, chunk.raw));
  tracker_->AddChunksMoved(1);
  return absl::OkStatus();
}

absl::Status FileWriter::AddLocal(const ChunkId& id, Bytes raw) {
  if (raw.size() > bytes_left()) {
    incoming_->Discard();
    return LossOf(file_, "the server sent more than it said");
  }
  DRAY_RETURN_IF_ERROR(incoming_->Write(offset_bytes_, raw));
  builder_.Add(id, static_cast<uint32_t>(raw.size()));
  offset_bytes_ += raw.size();
  ++chunks_;
  tracker_->AddDone(static_cast<int64_t>(raw.size()));
  return absl::OkStatus();
}

absl::Status FileWriter::Seal(const GetOptions& options) {
  if (builder_.Finish() != file_.root) {
    incoming_->Discard();
    return LossOf(file_, "what the server sent is not the version that it named");
  }
  return incoming_->Seal(options);
}

void FileWriter::Named() {
  finished_ = true;
  tracker_->AddChunks(chunks_);
}

absl::Status FileWriter::Finish(const GetOptions& options) {
  DRAY_RETURN_IF_ERROR(Seal(options));
  IncomingFile* const incoming = incoming_.get();
  DRAY_RETURN_IF_ERROR(TakeNames({&incoming, 1}, options.sync).front());
  Named();
  return absl::OkStatus();
}

}  // namespace dray
