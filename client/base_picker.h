#ifndef DRAY_CLIENT_BASE_PICKER_H_
#define DRAY_CLIENT_BASE_PICKER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "client/chunk_list.h"
#include "client/local_chunks.h"

namespace dray {

// Chunks of a local file in which parts of chunks that are nowhere here may be found.
struct LocalBase {
  size_t first = 0;  // of the lacking chunks
  size_t count = 0;
  int fd = -1;
  // At least one, none twice; in any order: the base is their bytes one after the other.
  std::vector<LocalChunks::Chunk> chunks;

  uint64_t length_bytes() const;
};

// A base has at most so many bytes, and belongs to at most so many lacking chunks.
inline constexpr uint64_t kMaxLocalBaseBytes = 512u << 10;
inline constexpr size_t kMaxChunksOfLocalBase = 4;

// Finds for lacking chunks what corresponds to them in a source: what lies between the same known
// neighbours; where these lie far apart there (a cut, a swap), what followed the left one and what
// preceded the right one; else what lies at the same distance from one of them, or at the same
// place. Of what is equally good, earlier sources are preferred. `lacking` are ascending indices
// into `chunks`, which are those of the whole file. Bases come in order; not every lacking chunk
// has one.
std::vector<LocalBase> PickBases(absl::Span<const FileChunk> chunks,
                                 absl::Span<const size_t> lacking,
                                 absl::Span<const LocalSource> sources);

}  // namespace dray

#endif  // DRAY_CLIENT_BASE_PICKER_H_
