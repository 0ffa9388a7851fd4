#ifndef DRAY_CLIENT_FILE_CHUNKS_H_
#define DRAY_CLIENT_FILE_CHUNKS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "client/file_hasher.h"
#include "client/hash_cache.h"
#include "core/base/ids.h"
#include "core/base/status.h"

namespace dray {

// How the cache of hashes is used.
enum class Trust {
  kCache,  // what it knows is not read
  kFile,   // everything is read; what is found replaces what the cache knew
};

// Hands on the chunks of a file in order, group by group: those that `cache` knows of the file as
// it is now, then those that are read and remembered. Stops at the first error of `on_chunks`.
// Returns how long the file is. `recalled` is set to whether any chunk came from the cache. Memory:
// a few MiB.
absl::StatusOr<uint64_t> VisitFileChunks(
    int fd, HashCache* cache, Trust trust, bool* recalled,
    const std::function<absl::Status(absl::Span<const ChunkEntry>)>& on_chunks);

// All chunks of a short file, read where the cache does not know them.
absl::StatusOr<std::vector<ChunkEntry>> ChunksOfFile(int fd, HashCache* cache, Trust trust);

// The root of the file that has these chunks.
Root RootOf(absl::Span<const ChunkEntry> chunks);

// All chunks of a file that fits into one page of the cache, if it knows them.
std::optional<std::vector<ChunkEntry>> RecallSmallFile(HashCache* cache, const FileState& state);

}  // namespace dray

#endif  // DRAY_CLIENT_FILE_CHUNKS_H_
