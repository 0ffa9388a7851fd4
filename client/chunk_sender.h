#ifndef DRAY_CLIENT_CHUNK_SENDER_H_
#define DRAY_CLIENT_CHUNK_SENDER_H_

#include <cstdint>
#include <string>

#include "client/delta_maker.h"
#include "client/upload_ledger.h"
#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/framing/chunk_encoder.h"
#include "core/framing/data_frame.h"

namespace dray {

// Makes the frames of wanted chunks: a delta against the server's base where that is shorter, else
// a data frame. Not thread-safe.
class ChunkSender {
 public:
  // Compresses whole chunks with `encoder`, which outlives the sender.
  explicit ChunkSender(ChunkEncoder* encoder) : encoder_(encoder) {}

  struct Written {
    size_t frame_bytes = 0;
    uint64_t credit_bytes = 0;  // that the frame is charged for: docs/format/wire.md, "Bases"
    bool delta = false;
  };

  // Writes the frame of `chunk` to `out`, which has room for kMaxDataFrameBytes. The chunk's bytes
  // are at `out` + kDataFrameOverheadBytes already. INTERNAL for a signature that cannot be.
  absl::StatusOr<Written> Write(const UploadLedger::WantedChunk& chunk, uint16_t request,
                                uint8_t* out);

 private:
  // The PutDelta frame; empty when there is none that is shorter than the chunk.
  absl::StatusOr<std::string> MakeDelta(const UploadLedger::WantedChunk& chunk, Bytes raw,
                                        uint16_t request);

  ChunkEncoder* const encoder_;
  DeltaMaker deltas_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_CHUNK_SENDER_H_
