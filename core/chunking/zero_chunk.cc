#include "core/chunking/zero_chunk.h"

#include <string>

#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"

namespace dray {

Bytes ZeroChunk() {
  static const std::string& zeroes = *new std::string(kMaxChunkBytes, '\0');
  return AsBytes(zeroes);
}

const ChunkId& ZeroChunkId() {
  static const ChunkId id = Sha256(ZeroChunk()).As<ChunkTag>();
  return id;
}

}  // namespace dray
