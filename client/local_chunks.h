#ifndef DRAY_CLIENT_LOCAL_CHUNKS_H_
#define DRAY_CLIENT_LOCAL_CHUNKS_H_

#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "core/base/ids.h"
#include "core/base/status.h"

namespace dray {

// Where the chunks of one local file lie. Memory: some 60 bytes for each chunk. Immutable once
// made.
class LocalChunks {
 public:
  // Reads and hashes the whole file.
  static absl::StatusOr<LocalChunks> Of(int fd);

  const Root& root() const { return root_; }
  uint64_t chunk_count() const { return offset_of_.size() + repeated_.size(); }
  // Where a chunk with this id lies.
  std::optional<uint64_t> Find(const ChunkId& id) const;
  // Whether a chunk with this id lies at this offset.
  bool HasAt(const ChunkId& id, uint64_t offset_bytes) const;

 private:
  Root root_;
  absl::flat_hash_map<ChunkId, uint64_t> offset_of_;
  absl::flat_hash_map<uint64_t, ChunkId> repeated_;  // chunks whose id lies elsewhere as well
};

}  // namespace dray

#endif  // DRAY_CLIENT_LOCAL_CHUNKS_H_
