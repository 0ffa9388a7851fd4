#ifndef DRAY_SERVICES_TRANSFER_ENGINE_CHUNK_BASE_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_CHUNK_BASE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/segment/segment_store.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/transfer/engine/slab.h"

namespace dray::transfer {

// Old chunks, one after the other, in which parts of wanted chunks may be found; read where they
// lie, whenever they are needed.
class ChunkBase {
 public:
  // Nothing when the lengths are not such as a base may have.
  static std::optional<ChunkBase> FromProto(const delta::v1::CompareResponse::Base& base);

  size_t raw_bytes() const { return raw_bytes_; }
  // As the chunks are stored: what bytes like these cost to send.
  size_t stored_bytes() const { return stored_bytes_; }

  // Blocks on disk. The bytes are those of intact records; that they are those of the ids is not
  // checked.
  absl::StatusOr<std::unique_ptr<uint8_t[]>> Read(SegmentStore& store) const;

 private:
  std::vector<RecordLocation> records_;
  size_t raw_bytes_ = 0;
  size_t stored_bytes_ = 0;
};

// docs/format/wire.md, "Bases": the signatures of one answer, all together.
inline constexpr size_t kMaxSignaturesBytes = 192u << 10;
// What a signature may cost: a small share of what chunks like the base would cost to send.
size_t MostSignatureBytes(const ChunkBase& base, size_t wanted_bytes);

struct Signature {
  uint32_t block_bytes = 0;
  std::string hashes;
};

// A signature of at most `most_bytes`; nothing when one that short is of no use. Blocks on disk.
absl::StatusOr<std::optional<Signature>> SignBase(SegmentStore& store, const ChunkBase& base,
                                                  size_t most_bytes);

// A chunk that was wanted, and may come as a delta.
struct BasedChunk {
  ChunkId id;
  uint32_t length_bytes = 0;
  std::shared_ptr<const ChunkBase> base;
};

// The data frame of the chunk that `delta` makes; nothing when that is another one, or the base
// cannot be read. INVALID_ARGUMENT for what is no delta. `raw_bytes`: of a compressed delta, else
// 0. Blocks on disk.
absl::StatusOr<std::optional<Slice>> RebuildChunk(SegmentStore& store, const BasedChunk& chunk,
                                                  Bytes delta, uint32_t raw_bytes);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_CHUNK_BASE_H_
