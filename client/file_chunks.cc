#include "client/file_chunks.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "absl/time/clock.h"
#include "core/chunking/tree_builder.h"

namespace dray {
namespace {

uint64_t LengthOf(absl::Span<const ChunkEntry> chunks) {
  uint64_t length = 0;
  for (const ChunkEntry& chunk : chunks) length += chunk.length_bytes;
  return length;
}

// Gathers chunks that were read into pages for the cache.
class PageKeeper {
 public:
  PageKeeper(HashCache* cache, const FileState& state, uint64_t start_bytes)
      : cache_(cache), state_(state), start_bytes_(start_bytes) {}

  void Add(const ChunkEntry& chunk) {
    chunks_.push_back(chunk);
    if (chunks_.size() == HashCache::kPageChunks) Flush();
  }
  void Flush() {
    cache_->Keep(state_, start_bytes_, read_since_, chunks_);
    start_bytes_ += LengthOf(chunks_);
    chunks_.clear();
  }

 private:
  HashCache* const cache_;
  const FileState state_;
  const absl::Time read_since_ = absl::Now();
  uint64_t start_bytes_;  // of chunks_
  std::vector<ChunkEntry> chunks_;
};

}  // namespace

absl::StatusOr<uint64_t> VisitFileChunks(
    int fd, HashCache* cache, Trust trust, bool* recalled,
    const std::function<absl::Status(absl::Span<const ChunkEntry>)>& on_chunks) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return ErrnoStatus(errno, "cannot read the file's state");
  const FileState state = FileState::Of(status);
  uint64_t known_bytes = 0;
  *recalled = false;
  while (trust == Trust::kCache && known_bytes < state.size_bytes) {
    const auto chunks = cache->Find(state, known_bytes);
    if (!chunks) break;
    *recalled = true;
    known_bytes += LengthOf(*chunks);
    DRAY_RETURN_IF_ERROR(on_chunks(*chunks));
  }
  if (known_bytes == state.size_bytes && *recalled) return known_bytes;
  // From here on: a chunk's end follows from the bytes since its start alone.
  PageKeeper keeper(cache, state, known_bytes);
  std::vector<ChunkEntry> entries;
  DRAY_ASSIGN_OR_RETURN(const uint64_t size,
                        HashFile(fd, known_bytes, [&](absl::Span<const HashedChunk> chunks) {
                          entries.clear();
                          for (const HashedChunk& chunk : chunks) {
                            entries.push_back({chunk.id, chunk.length_bytes()});
                            keeper.Add(entries.back());
                          }
                          return on_chunks(entries);
                        }));
  keeper.Flush();
  return size;
}

absl::StatusOr<std::vector<ChunkEntry>> ChunksOfFile(int fd, HashCache* cache, Trust trust) {
  std::vector<ChunkEntry> chunks;
  bool recalled = false;
  DRAY_RETURN_IF_ERROR(
      VisitFileChunks(fd, cache, trust, &recalled, [&](absl::Span<const ChunkEntry> group) {
        chunks.insert(chunks.end(), group.begin(), group.end());
        return absl::OkStatus();
      }).status());
  return chunks;
}

Root RootOf(absl::Span<const ChunkEntry> chunks) {
  TreeBuilder builder({});
  for (const ChunkEntry& chunk : chunks) builder.Add(chunk.id, chunk.length_bytes);
  return builder.Finish();
}

std::optional<std::vector<ChunkEntry>> RecallSmallFile(HashCache* cache, const FileState& state) {
  auto chunks = cache->Find(state, 0);
  if (chunks && LengthOf(*chunks) != state.size_bytes) chunks.reset();
  return chunks;
}

}  // namespace dray
