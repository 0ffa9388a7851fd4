#ifndef DRAY_CORE_CHUNKING_TREE_BUILDER_H_
#define DRAY_CORE_CHUNKING_TREE_BUILDER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/chunking/node.h"

namespace dray {

// Builds a file's tree from its chunks as they come, all levels at once; docs/format/tree.md.
// Memory: at most one unfinished node for each level, whatever the file's size. Not thread-safe.
class TreeBuilder {
 public:
  struct FinishedNode {
    NodeId id;
    Node node;
    std::string encoding;
  };

  // `on_node` is told each finished node, children before parents; the last one told is the root.
  // May be empty when only the root matters.
  explicit TreeBuilder(std::function<void(FinishedNode)> on_node);

  // The next chunk of the file. REQUIRES: 1 <= length_bytes <= kMaxChunkBytes; Finish() was not
  // called.
  void Add(const ChunkId& id, uint32_t length_bytes);

  // Ends every level and returns the root. To be called once.
  Root Finish();

  // Bytes added so far.
  uint64_t length_bytes() const { return length_bytes_; }

 private:
  struct Level {
    Node unfinished;
    uint64_t finished_nodes = 0;
  };

  void AddEntry(size_t level, const Entry& entry);
  void FinishNode(size_t level);

  std::function<void(FinishedNode)> on_node_;
  std::vector<Level> levels_;
  uint64_t length_bytes_ = 0;
};

}  // namespace dray

#endif  // DRAY_CORE_CHUNKING_TREE_BUILDER_H_
