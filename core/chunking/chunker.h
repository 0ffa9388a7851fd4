#ifndef DRAY_CORE_CHUNKING_CHUNKER_H_
#define DRAY_CORE_CHUNKING_CHUNKER_H_

#include <cstddef>
#include <cstdint>

#include "core/base/bytes.h"

namespace dray {

// Content-defined chunking, chunker 1 of docs/format/tree.md, "Chunks".
inline constexpr uint8_t kChunkerId = 1;
inline constexpr size_t kMinChunkBytes = 16 * 1024;
inline constexpr size_t kAverageChunkBytes = 64 * 1024;
inline constexpr size_t kMaxChunkBytes = 256 * 1024;

// The length of the chunk that starts at data[0].
// REQUIRES: `data` has at least kMaxChunkBytes, or reaches to the end of the file. 0 only for empty
// `data`. Thread-safe.
size_t CutChunk(Bytes data);

}  // namespace dray

#endif  // DRAY_CORE_CHUNKING_CHUNKER_H_
