#ifndef DRAY_CORE_CHUNKING_ZERO_CHUNK_H_
#define DRAY_CORE_CHUNKING_ZERO_CHUNK_H_

#include "core/base/bytes.h"
#include "core/base/ids.h"

namespace dray {

// What zeroes are cut into wherever kMaxChunkBytes of them begin a chunk: a chunk of that length.
// Both thread-safe; what they return lives as long as the program.
Bytes ZeroChunk();
const ChunkId& ZeroChunkId();

}  // namespace dray

#endif  // DRAY_CORE_CHUNKING_ZERO_CHUNK_H_
