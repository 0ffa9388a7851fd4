#ifndef DRAY_CLIENT_LOCAL_CHUNKS_H_
#define DRAY_CLIENT_LOCAL_CHUNKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "client/file_chunks.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/chunking/tree_builder.h"

namespace dray {

// Where the chunks of one local file lie, and the nodes over them. What is told is what was read
// once: the file may have changed since. Memory: some 100 bytes for each chunk. Immutable once
// made.
class LocalChunks {
 public:
  struct Chunk {
    ChunkId id;
    uint64_t begin = 0;  // in the file, bytes
    uint32_t length_bytes = 0;
    uint64_t end() const { return begin + length_bytes; }
  };
  struct Node {
    NodeId id;
    uint64_t begin = 0;  // of what it stands for, in the file
    uint64_t end = 0;
    size_t first = 0;  // its entries are [first, first + count) of the level below, or chunks
    size_t count = 0;
  };

  // Reads and hashes the whole file.
  static absl::StatusOr<LocalChunks> Of(int fd);
  // The same, where the cache does not know what the file holds.
  static absl::StatusOr<LocalChunks> Of(int fd, HashCache* cache, Trust trust);

  const Root& root() const { return root_; }
  uint64_t length_bytes() const { return chunks_.empty() ? 0 : chunks_.back().end(); }
  // In file order.
  absl::Span<const Chunk> chunks() const { return chunks_; }
  // The first chunk with this id; null: none.
  const Chunk* Find(const ChunkId& id) const;
  // Whether a chunk with this id lies at this offset.
  bool HasAt(const ChunkId& id, uint64_t offset_bytes) const;

  // The chunks beneath a node; empty when the file has no such node.
  absl::Span<const Chunk> Beneath(const NodeId& id) const;
  // The nodes of a level that stand for bytes in [begin, end), in file order.
  absl::Span<const Node> NodesAt(int level, uint64_t begin, uint64_t end) const;
  int levels() const { return static_cast<int>(levels_.size()); }
  // REQUIRES: a node of NodesAt(level).
  std::string EncodingOf(int level, const Node& node) const;

 private:
  struct Place {
    int level = 0;
    size_t index = 0;
  };

  class Builder;

  Root root_;
  std::vector<Chunk> chunks_;
  std::vector<std::vector<Node>> levels_;
  absl::flat_hash_map<ChunkId, size_t> chunk_of_;
  absl::flat_hash_map<NodeId, Place> node_of_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_LOCAL_CHUNKS_H_
