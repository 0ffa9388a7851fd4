#include "services/transfer/engine/chunk_base.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/file.h"
#include "core/chunking/sha256.h"
#include "core/framing/chunk_encoder.h"
#include "core/framing/data_frame.h"
#include "core/subchunk/signature.h"
#include "core/telemetry/logging.h"

namespace dray::transfer {
namespace {

// Of what the chunks would cost to send. With the rest of what naming a base costs, one that finds
// nothing stays below 2 %.
constexpr double kSignatureShare = 0.017;

absl::StatusOr<size_t> ReadRecord(SegmentStore& store, const RecordLocation& record,
                                  MutableBytes scratch, MutableBytes out) {
  DRAY_ASSIGN_OR_RETURN(const auto segment, store.Open(record.segment));
  const MutableBytes whole = scratch.first(record.stored_bytes);
  DRAY_ASSIGN_OR_RETURN(const size_t read, ReadAt(segment->fd(), record.offset_bytes, whole));
  if (read != whole.size()) return absl::DataLossError("a record ends too early");
  DRAY_ASSIGN_OR_RETURN(const DataFrame frame, ParseDataFrame(whole));
  if (frame.raw_bytes > out.size()) return absl::DataLossError("a record is too long");
  DRAY_ASSIGN_OR_RETURN(const Bytes raw, RawChunk(frame, out));
  if (raw.data() != out.data()) std::memcpy(out.data(), raw.data(), raw.size());
  return raw.size();
}

absl::StatusOr<Bytes> ExpandDelta(Bytes delta, uint32_t raw_bytes,
                                  std::unique_ptr<uint8_t[]>* scratch) {
  if (raw_bytes == 0) return delta;
  if (raw_bytes > kMaxRawChunkBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a delta of ", raw_bytes, " bytes; at most ",
                                                   kMaxRawChunkBytes, " are allowed"));
  }
  scratch->reset(new uint8_t[raw_bytes]);
  const DataFrame frame = {.raw_bytes = raw_bytes, .zstd = true, .body = delta};
  const absl::StatusOr<Bytes> raw = RawChunk(frame, {scratch->get(), raw_bytes});
  if (raw.ok()) return raw;
  return absl::InvalidArgumentError(absl::StrCat("a compressed delta: ", raw.status().message()));
}

}  // namespace

std::optional<ChunkBase> ChunkBase::FromProto(const delta::v1::CompareResponse::Base& proto) {
  ChunkBase base;
  for (const auto& chunk : proto.chunks()) {
    if (chunk.stored() > kMaxDataFrameBytes || chunk.length() > kMaxRawChunkBytes) {
      return std::nullopt;
    }
    base.records_.push_back(
        {static_cast<SegmentId>(chunk.segment()), chunk.offset(), chunk.stored()});
    base.raw_bytes_ += chunk.length();
    base.stored_bytes_ += chunk.stored();
    if (base.raw_bytes_ > dray::kMaxBaseBytes) return std::nullopt;
  }
  if (base.raw_bytes_ == 0) return std::nullopt;
  return base;
}

absl::StatusOr<std::unique_ptr<uint8_t[]>> ChunkBase::Read(SegmentStore& store) const {
  std::unique_ptr<uint8_t[]> bytes(new uint8_t[raw_bytes_]);
  const std::unique_ptr<uint8_t[]> scratch(new uint8_t[kMaxDataFrameBytes]);
  size_t at = 0;
  for (const RecordLocation& record : records_) {
    DRAY_ASSIGN_OR_RETURN(const size_t read,
                          ReadRecord(store, record, {scratch.get(), kMaxDataFrameBytes},
                                     {bytes.get() + at, raw_bytes_ - at}));
    at += read;
  }
  if (at != raw_bytes_) return absl::DataLossError("records are shorter than delta says");
  return bytes;
}

size_t MostSignatureBytes(const ChunkBase& base, size_t wanted_bytes) {
  const double shrunk = std::min(
      1.0, static_cast<double>(base.stored_bytes()) / static_cast<double>(base.raw_bytes()));
  return static_cast<size_t>(kSignatureShare * shrunk * static_cast<double>(wanted_bytes));
}

absl::StatusOr<std::optional<Signature>> SignBase(SegmentStore& store, const ChunkBase& base,
                                                  size_t most_bytes) {
  Signature signature;
  signature.block_bytes = ChooseBlockBytes(base.raw_bytes(), most_bytes);
  if (signature.block_bytes == 0) return std::nullopt;
  DRAY_ASSIGN_OR_RETURN(const auto bytes, base.Read(store));
  DRAY_ASSIGN_OR_RETURN(signature.hashes,
                        SignBlocks({bytes.get(), base.raw_bytes()}, signature.block_bytes));
  return signature;
}

absl::StatusOr<std::optional<Slice>> RebuildChunk(SegmentStore& store, const BasedChunk& chunk,
                                                  Bytes delta, uint32_t raw_bytes) {
  std::unique_ptr<uint8_t[]> scratch;
  DRAY_ASSIGN_OR_RETURN(const Bytes expanded, ExpandDelta(delta, raw_bytes, &scratch));
  const auto base = chunk.base->Read(store);
  if (!base.ok()) {
    spdlog::warn("a base cannot be read, the chunk is asked for: {}", base.status().ToString());
    return std::nullopt;
  }
  const std::unique_ptr<uint8_t[]> raw(new uint8_t[chunk.length_bytes]);
  const MutableBytes out(raw.get(), chunk.length_bytes);
  DRAY_RETURN_IF_ERROR(ApplyDelta(expanded, {base->get(), chunk.base->raw_bytes()}, out));
  const Bytes made = out;
  ChunkId id;
  HashChunks({&made, 1}, {&id, 1});
  if (id != chunk.id) return std::nullopt;
  ChunkEncoder encoder;
  const DataFrame frame = encoder.Encode(chunk.id, made);
  Slice slice;
  slice.slab = Slab::Make(frame.frame_bytes());
  WriteDataFrameHead(frame, slice.slab->data());
  std::memcpy(slice.slab->data() + kDataFrameOverheadBytes, frame.body.data(), frame.body.size());
  slice.bytes = Bytes(slice.slab->data(), frame.frame_bytes());
  return slice;
}

}  // namespace dray::transfer
