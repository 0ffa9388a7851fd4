#ifndef DRAY_CORE_CHUNKING_NODE_H_
#define DRAY_CORE_CHUNKING_NODE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/status.h"

namespace dray {

inline constexpr size_t kMinNodeEntries = 16;
inline constexpr size_t kMaxNodeEntries = 256;
inline constexpr int kMaxNodeLevel = 15;
// Of an encoding: its head, and one entry of a leaf or of a node above.
inline constexpr size_t kNodeHeadBytes = 8;
inline constexpr size_t kLeafEntryBytes = kDigestBytes + 4;
inline constexpr size_t kNodeEntryBytes = kDigestBytes + 8;

// One entry of a node: a chunk (in a leaf) or a node one level below, and the bytes of file it
// stands for.
struct Entry {
  AnyDigest id;
  uint64_t length_bytes = 0;

  ChunkId chunk() const { return id.As<ChunkTag>(); }
  NodeId node() const { return id.As<NodeTag>(); }
  friend bool operator==(const Entry&, const Entry&) = default;
};

// A run of entries; docs/format/tree.md, "Nodes".
struct Node {
  int level = 0;  // 0: a leaf, whose entries are chunks
  std::vector<Entry> entries;

  uint64_t length_bytes() const;
};

// Whether a node ends after its entry `id`, when that is its `count`th.
bool EndsNode(const AnyDigest& id, size_t count);

// REQUIRES: `node` is within the format's limits.
std::string EncodeNode(const Node& node);

// Refuses every encoding that is not canonical (INVALID_ARGUMENT, saying why).
absl::StatusOr<Node> DecodeNode(Bytes encoding);

NodeId IdOfNode(Bytes encoding);

}  // namespace dray

#endif  // DRAY_CORE_CHUNKING_NODE_H_
