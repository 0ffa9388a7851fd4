#include "client/chunk_sender.h"

#include <cstring>

#include "core/framing/frame.h"

namespace dray {
namespace {

// A delta this many times shorter than the chunk is taken without trying what compression does.
constexpr size_t kClearlyShorter = 8;

}  // namespace

absl::StatusOr<ChunkSender::Written> ChunkSender::Write(const UploadLedger::WantedChunk& chunk,
                                                        uint16_t request, uint8_t* out) {
  uint8_t* const body = out + kDataFrameOverheadBytes;
  const Bytes raw(body, chunk.length_bytes);
  const size_t whole_bytes = kDataFrameOverheadBytes + raw.size();
  std::string delta;
  if (chunk.base != nullptr) {
    DRAY_ASSIGN_OR_RETURN(delta, MakeDelta(chunk, raw, request));
  }
  const bool clear = !delta.empty() && delta.size() * kClearlyShorter <= whole_bytes;
  DataFrame frame;
  if (!clear) frame = encoder_->Encode(chunk.id, raw);
  if (clear || (!delta.empty() && delta.size() < frame.frame_bytes())) {
    std::memcpy(out, delta.data(), delta.size());
    return Written{delta.size(), whole_bytes, true};
  }
  WriteDataFrameHead(frame, out);
  if (frame.body.data() != body) std::memcpy(body, frame.body.data(), frame.body.size());
  return Written{frame.frame_bytes(), frame.frame_bytes(), false};
}

absl::StatusOr<std::string> ChunkSender::MakeDelta(const UploadLedger::WantedChunk& chunk,
                                                   Bytes raw, uint16_t request) {
  DRAY_RETURN_IF_ERROR(LoadBase(chunk.base));
  if (delta_ == nullptr) delta_.reset(new uint8_t[kMaxRawChunkBytes]);
  DRAY_ASSIGN_OR_RETURN(const size_t bytes, signature_->MakeDelta(raw, {delta_.get(), raw.size()}));
  if (bytes == 0) return std::string();
  delta_encoder_.SetLevel(encoder_->level());
  const DataFrame shrunk = delta_encoder_.Encode(chunk.id, Bytes(delta_.get(), bytes));
  wire::v1::PutDelta message;
  message.set_ordinal(chunk.ordinal);
  message.set_index(chunk.index);
  message.set_delta(shrunk.body.data(), shrunk.body.size());
  if (shrunk.zstd) message.set_raw_bytes(shrunk.raw_bytes);
  std::string frame;
  AppendControlFrame(FrameType::kPutDelta, request, message, &frame);
  if (frame.size() >= kDataFrameOverheadBytes + raw.size()) return std::string();
  return frame;
}

absl::Status ChunkSender::LoadBase(const std::shared_ptr<const wire::v1::PutBase>& base) {
  if (base == base_ && signature_) return absl::OkStatus();
  absl::StatusOr<BlockSignature> loaded =
      BlockSignature::Load(base->block_bytes(), AsBytes(base->hashes()));
  if (!loaded.ok()) {
    return absl::InternalError(
        absl::StrCat("the server broke the protocol: ", loaded.status().message()));
  }
  signature_ = *std::move(loaded);
  base_ = base;
  return absl::OkStatus();
}

}  // namespace dray
