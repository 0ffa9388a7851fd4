#ifndef DRAY_CLIENT_CHUNK_SENDER_H_
#define DRAY_CLIENT_CHUNK_SENDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "client/upload_ledger.h"
#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/framing/chunk_encoder.h"
#include "core/framing/data_frame.h"
#include "core/subchunk/signature.h"

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
  absl::Status LoadBase(const std::shared_ptr<const wire::v1::PutBase>& base);

  ChunkEncoder* const encoder_;
  ChunkEncoder delta_encoder_;
  std::unique_ptr<uint8_t[]> delta_;  // kMaxRawChunkBytes, once needed
  // The base loaded last: neighbours share it.
  std::shared_ptr<const wire::v1::PutBase> base_;
  std::optional<BlockSignature> signature_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_CHUNK_SENDER_H_
