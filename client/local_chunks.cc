#include "client/local_chunks.h"

#include "client/file_hasher.h"
#include "core/chunking/tree_builder.h"

namespace dray {

absl::StatusOr<LocalChunks> LocalChunks::Of(int fd) {
  LocalChunks chunks;
  TreeBuilder builder({});
  const auto add = [&](absl::Span<const HashedChunk> group) {
    for (const HashedChunk& chunk : group) {
      builder.Add(chunk.id, chunk.length_bytes());
      const auto [place, added] = chunks.offset_of_.emplace(chunk.id, chunk.offset_bytes);
      if (!added) chunks.repeated_.emplace(chunk.offset_bytes, chunk.id);
    }
    return absl::OkStatus();
  };
  DRAY_RETURN_IF_ERROR(HashFile(fd, 0, add).status());
  chunks.root_ = builder.Finish();
  return chunks;
}

std::optional<uint64_t> LocalChunks::Find(const ChunkId& id) const {
  const auto found = offset_of_.find(id);
  if (found == offset_of_.end()) return std::nullopt;
  return found->second;
}

bool LocalChunks::HasAt(const ChunkId& id, uint64_t offset_bytes) const {
  const auto found = offset_of_.find(id);
  if (found == offset_of_.end()) return false;
  if (found->second == offset_bytes) return true;
  const auto repeated = repeated_.find(offset_bytes);
  return repeated != repeated_.end() && repeated->second == id;
}

}  // namespace dray
