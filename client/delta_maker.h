#ifndef DRAY_CLIENT_DELTA_MAKER_H_
#define DRAY_CLIENT_DELTA_MAKER_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/framing/chunk_encoder.h"
#include "core/framing/data_frame.h"
#include "core/subchunk/signature.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// Makes deltas of chunks against the server's bases: docs/format/wire.md, "Bases". Not thread-safe.
class DeltaMaker {
 public:
  struct Delta {
    Bytes bytes;             // good until the next call
    uint32_t raw_bytes = 0;  // of a compressed delta, else 0
  };

  // Nothing when there is no delta shorter than `chunk`. `level`: zstd's. INTERNAL for a signature
  // that cannot be.
  absl::StatusOr<std::optional<Delta>> Make(const std::shared_ptr<const wire::v1::PutBase>& base,
                                            Bytes chunk, int level);

  // Whether a delta is so short that what compressing the whole chunk would save need not be tried.
  static bool ClearlyShorter(size_t delta_bytes, size_t chunk_bytes);

 private:
  absl::Status Load(const std::shared_ptr<const wire::v1::PutBase>& base);

  ChunkEncoder encoder_;
  std::unique_ptr<uint8_t[]> delta_;  // kMaxRawChunkBytes, once needed
  // The base loaded last: neighbours share it.
  std::shared_ptr<const wire::v1::PutBase> base_;
  std::optional<BlockSignature> signature_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_DELTA_MAKER_H_
