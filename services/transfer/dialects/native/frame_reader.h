#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_FRAME_READER_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_FRAME_READER_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/framing/frame.h"
#include "services/transfer/engine/slab.h"

namespace dray::transfer::native {

class Transport;

struct ReceivedFrame {
  FrameHeader header;
  Slice whole;  // header and payload

  Bytes payload() const { return whole.bytes.subspan(kFrameHeaderBytes); }
};

// Cuts what is received into frames, which are used where they lie. Its buffers grow while much
// comes, and are given back by Rest(). Not thread-safe. `transport` outlives it.
class FrameReader {
 public:
  FrameReader(Transport* transport, uint32_t max_payload_bytes);

  // The next frame, if it has been received whole. An error is the peer's, and final.
  absl::StatusOr<std::optional<ReceivedFrame>> Next();

  // The next `count` bytes, if they have been received: what comes before the first frame.
  std::optional<Bytes> Take(size_t count);

  // Receives more; false when nothing is there. UNAVAILABLE as Transport::Receive().
  absl::StatusOr<bool> Receive();

  // Gives memory back, when nothing but waiting is to be done.
  void Rest();

 private:
  size_t buffered_bytes() const { return end_ - begin_; }
  void MakeRoom();

  Transport* const transport_;
  const uint32_t max_payload_bytes_;
  std::shared_ptr<Slab> slab_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t needed_bytes_ = 0;  // from begin_ on, for the frame that is coming
  size_t next_slab_bytes_ = 0;
};

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_FRAME_READER_H_
