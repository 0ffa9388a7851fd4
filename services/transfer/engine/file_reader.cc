#include "services/transfer/engine/file_reader.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/chunking/sha256.h"
#include "core/framing/data_frame.h"
#include "core/segment/segment_store.h"
#include "services/transfer/engine/disk_pool.h"

namespace dray::transfer {
namespace {

using boost::asio::awaitable;

absl::Status Damaged(const delta::v1::StoredChunk& chunk, absl::string_view why) {
  return absl::DataLossError(absl::StrCat("chunk ", absl::BytesToHexString(chunk.id()),
                                          " cannot be read from segment ",
                                          absl::Hex(chunk.segment(), absl::kZeroPad16), ": ", why));
}

// Reads the records of neighbouring chunks, and expands them one after the other.
class PieceReader {
 public:
  PieceReader(SegmentStore* store, uint8_t* out) : store_(store), out_(out) {}

  absl::Status Read(absl::Span<const delta::v1::StoredChunk> chunks) {
    for (const delta::v1::StoredChunk& chunk : chunks) DRAY_RETURN_IF_ERROR(ReadOne(chunk));
    std::vector<ChunkId> ids(raw_.size());
    HashChunks(raw_, absl::MakeSpan(ids));
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i].view() != chunks[i].id()) {
        return Damaged(chunks[i], "its bytes do not have its id");
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadOne(const delta::v1::StoredChunk& chunk) {
    if (chunk.stored() > kMaxDataFrameBytes || chunk.length() > kMaxRawChunkBytes) {
      return Damaged(chunk, "its length cannot be");
    }
    const auto segment = store_->Open(static_cast<SegmentId>(chunk.segment()));
    if (!segment.ok()) return Damaged(chunk, segment.status().message());
    record_.resize(chunk.stored());
    const auto read =
        ReadAt((*segment)->fd(), chunk.offset(),
               MutableBytes(reinterpret_cast<uint8_t*>(record_.data()), record_.size()));
    if (!read.ok()) return Damaged(chunk, read.status().message());
    if (*read < record_.size()) return Damaged(chunk, "the segment ends before the record does");
    const auto frame = ParseDataFrame(AsBytes(record_));
    if (!frame.ok()) return Damaged(chunk, frame.status().message());
    if (frame->raw_bytes != chunk.length()) return Damaged(chunk, "it has another length");
    const auto raw = RawChunk(*frame, MutableBytes(out_, chunk.length()));
    if (!raw.ok()) return Damaged(chunk, raw.status().message());
    if (raw->data() != out_) std::copy(raw->begin(), raw->end(), out_);
    raw_.emplace_back(out_, chunk.length());
    out_ += chunk.length();
    return absl::OkStatus();
  }

  SegmentStore* const store_;
  uint8_t* out_;
  std::string record_;
  std::vector<Bytes> raw_;
};

}  // namespace

awaitable<absl::StatusOr<std::unique_ptr<FileReader>>> FileReader::Open(
    const Engine* engine, std::string path, uint64_t number, uint64_t offset,
    std::string_view connection_id) {
  delta::v1::ResolveRequest request;
  auto* const item = request.add_items();
  item->set_path(std::move(path));
  item->set_number(number);
  if (offset > 0) {
    item->add_ranges()->set_offset(offset);
    item->mutable_ranges(0)->set_length(std::numeric_limits<uint64_t>::max() - offset);
  }
  std::unique_ptr<FileReader> reader(new FileReader(engine));
  reader->stream_ = engine->delta->Resolve(request, connection_id);
  delta::v1::ResolveResponse response;
  const absl::StatusOr<bool> answered = co_await reader->stream_->Read(&response);
  if (!answered.ok()) co_return answered.status();
  if (!*answered || !response.has_header()) {
    co_return absl::InternalError("delta's answer does not fit the file asked for");
  }
  const absl::Status status = reader->TakeHeader(response, offset);
  if (!status.ok()) co_return status;
  co_return reader;
}

absl::Status FileReader::TakeHeader(const delta::v1::ResolveResponse& response, uint64_t offset) {
  const auto& header = response.header();
  if (header.code() != 0) {
    return absl::Status(static_cast<absl::StatusCode>(header.code()), header.message());
  }
  version_ = header.version();
  if (version_.metadata().kind() != wire::v1::FILE) {
    return absl::FailedPreconditionError(
        absl::StrCat(EscapeName(version_.path()), " is not a file"));
  }
  left_bytes_ = size() - std::min(size(), offset);
  // The first chunk told may begin before the offset.
  skip_bytes_ = header.data_bytes() - std::min(header.data_bytes(), left_bytes_);
  return absl::OkStatus();
}

awaitable<absl::Status> FileReader::FindMore() {
  delta::v1::ResolveResponse response;
  const absl::StatusOr<bool> more = co_await stream_->Read(&response);
  if (!more.ok()) co_return more.status();
  if (!*more || !response.has_chunks() || response.chunks().chunks().empty()) {
    co_return absl::InternalError("delta's answer ends before the file does");
  }
  for (auto& chunk : *response.mutable_chunks()->mutable_chunks()) {
    chunks_.push_back(std::move(chunk));
  }
  co_return absl::OkStatus();
}

awaitable<absl::StatusOr<Slice>> FileReader::Next() {
  if (left_bytes_ == 0) co_return Slice();
  if (chunks_.empty()) {
    const absl::Status found = co_await FindMore();
    if (!found.ok()) co_return found;
  }
  std::vector<delta::v1::StoredChunk> piece;
  uint64_t bytes = 0;
  while (!chunks_.empty() && bytes + chunks_.front().length() <= kPieceBytes) {
    bytes += chunks_.front().length();
    piece.push_back(std::move(chunks_.front()));
    chunks_.pop_front();
  }
  if (bytes == 0 || bytes < skip_bytes_) {
    co_return absl::InternalError("delta told a chunk of a length that cannot be");
  }
  const std::shared_ptr<Slab> slab = Slab::Make(bytes);
  absl::Status status;
  auto job = [&] { status = PieceReader(engine_->store, slab->data()).Read(piece); };
  co_await engine_->disk->Run(job);
  if (!status.ok()) co_return WithContext(status, EscapeName(version_.path()));
  Slice slice{slab, Bytes(slab->data(), bytes).subspan(std::exchange(skip_bytes_, 0))};
  if (slice.bytes.size() > left_bytes_) slice.bytes = slice.bytes.first(left_bytes_);
  left_bytes_ -= slice.bytes.size();
  co_return slice;
}

}  // namespace dray::transfer
