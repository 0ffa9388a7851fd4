#include "client/chunk_sender.h"

#include <cstring>

#include "core/framing/frame.h"

namespace dray {

absl::StatusOr<ChunkSender::Written> ChunkSender::Write(const UploadLedger::WantedChunk& chunk,
                                                        uint16_t request, uint8_t* out) {
  uint8_t* const body = out + kDataFrameOverheadBytes;
  const Bytes raw(body, chunk.length_bytes);
  const size_t whole_bytes = kDataFrameOverheadBytes + raw.size();
  std::string delta;
  if (chunk.base != nullptr) {
    DRAY_ASSIGN_OR_RETURN(delta, MakeDelta(chunk, raw, request));
  }
  const bool clear = !delta.empty() && DeltaMaker::ClearlyShorter(delta.size(), whole_bytes);
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
  DRAY_ASSIGN_OR_RETURN(const auto delta, deltas_.Make(chunk.base, raw, encoder_->level()));
  if (!delta) return std::string();
  wire::v1::PutDelta message;
  message.set_ordinal(chunk.ordinal);
  message.set_index(chunk.index);
  message.set_delta(delta->bytes.data(), delta->bytes.size());
  message.set_raw_bytes(delta->raw_bytes);
  std::string frame;
  AppendControlFrame(FrameType::kPutDelta, request, message, &frame);
  if (frame.size() >= kDataFrameOverheadBytes + raw.size()) return std::string();
  return frame;
}

}  // namespace dray
