#include "services/transfer/dialects/native/frame_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "services/transfer/dialects/native/transport.h"

namespace dray::transfer::native {
namespace {

constexpr size_t kSmallSlabBytes = 8 * 1024;
constexpr size_t kGrowth = 8;
// Less room than this at a large slab's end is not worth a receive.
constexpr size_t kWorthReceivingBytes = 64 * 1024;

}  // namespace

FrameReader::FrameReader(Transport* transport, uint32_t max_payload_bytes)
    : transport_(transport),
      max_payload_bytes_(max_payload_bytes),
      next_slab_bytes_(kSmallSlabBytes) {}

absl::StatusOr<std::optional<ReceivedFrame>> FrameReader::Next() {
  needed_bytes_ = kFrameHeaderBytes;
  if (buffered_bytes() < needed_bytes_) return std::nullopt;
  const uint8_t* const at = slab_->data() + begin_;
  DRAY_ASSIGN_OR_RETURN(const FrameHeader header, DecodeFrameHeader(at, max_payload_bytes_));
  needed_bytes_ = kFrameHeaderBytes + header.payload_bytes;
  if (buffered_bytes() < needed_bytes_) return std::nullopt;
  begin_ += needed_bytes_;
  return ReceivedFrame{header, Slice{slab_, Bytes(at, needed_bytes_)}};
}

std::optional<Bytes> FrameReader::Take(size_t count) {
  needed_bytes_ = count;
  if (buffered_bytes() < count) return std::nullopt;
  const Bytes taken(slab_->data() + begin_, count);
  begin_ += count;
  return taken;
}

absl::StatusOr<bool> FrameReader::Receive() {
  MakeRoom();
  const MutableBytes room(slab_->data() + end_, slab_->size() - end_);
  DRAY_ASSIGN_OR_RETURN(const size_t got, transport_->Receive(room));
  end_ += got;
  return got > 0;
}

void FrameReader::MakeRoom() {
  if (slab_ != nullptr) {
    // Nobody else looks into this slab any more: it can be filled again from its start.
    if (buffered_bytes() == 0 && slab_.use_count() == 1) begin_ = end_ = 0;
    const size_t room = slab_->size() - end_;
    const bool fits = begin_ + needed_bytes_ <= slab_->size();
    if (fits && (room >= kWorthReceivingBytes || (room > 0 && begin_ == 0))) return;
    if (room == 0 || !fits) next_slab_bytes_ = std::min(slab_->size() * kGrowth, Slab::kLargeBytes);
  }
  std::shared_ptr<Slab> slab =
      Slab::Make(std::max(next_slab_bytes_, needed_bytes_ + kSmallSlabBytes));
  const size_t buffered = buffered_bytes();
  if (buffered > 0) std::memcpy(slab->data(), slab_->data() + begin_, buffered);
  slab_ = std::move(slab);
  begin_ = 0;
  end_ = buffered;
}

void FrameReader::Rest() {
  if (buffered_bytes() > 0) return;
  slab_.reset();
  begin_ = end_ = 0;
  next_slab_bytes_ = kSmallSlabBytes;
}

}  // namespace dray::transfer::native
