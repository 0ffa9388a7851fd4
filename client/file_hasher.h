#ifndef DRAY_CLIENT_FILE_HASHER_H_
#define DRAY_CLIENT_FILE_HASHER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/status.h"

namespace dray {

// A chunk of a local file.
struct HashedChunk {
  ChunkId id;
  uint64_t offset_bytes = 0;
  Bytes data;  // valid during the call that it is handed to

  uint32_t length_bytes() const { return static_cast<uint32_t>(data.size()); }
};

// A chunk whose bytes are not at hand.
struct ChunkEntry {
  ChunkId id;
  uint32_t length_bytes = 0;

  friend bool operator==(const ChunkEntry&, const ChunkEntry&) = default;
};

// Reads a file from `start_bytes`, where a chunk has to begin, to its end, cuts it and hashes the
// chunks, and hands them on in order, group by group, on the calling thread; a long file is read
// and cut ahead on another. What is a hole when its turn comes is not read: its chunks are those of
// zeroes. Stops at the first error of `on_chunks`. Returns where the file ended. Memory: some 7
// MiB.
absl::StatusOr<uint64_t> HashFile(
    int fd, uint64_t start_bytes,
    const std::function<absl::Status(absl::Span<const HashedChunk>)>& on_chunks);

// The same for contents in memory. Views point into `contents`.
std::vector<HashedChunk> CutContents(Bytes contents);
// Fills in the ids of all chunks, wherever they are from.
void HashAll(absl::Span<HashedChunk> chunks);

// The root of a file that lies on disk; `chunks` is set to how many it has.
absl::StatusOr<Root> RootOfFile(int fd, uint64_t* chunks);

}  // namespace dray

#endif  // DRAY_CLIENT_FILE_HASHER_H_
