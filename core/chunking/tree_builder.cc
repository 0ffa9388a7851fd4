#include "core/chunking/tree_builder.h"

#include <cassert>
#include <utility>

#include "core/chunking/chunker.h"

namespace dray {

TreeBuilder::TreeBuilder(std::function<void(FinishedNode)> on_node)
    : on_node_(std::move(on_node)), levels_(1) {}

void TreeBuilder::Add(const ChunkId& id, uint32_t length_bytes) {
  assert(length_bytes >= 1 && length_bytes <= kMaxChunkBytes);
  length_bytes_ += length_bytes;
  AddEntry(0, {id.As<AnyTag>(), length_bytes});
}

Root TreeBuilder::Finish() {
  for (size_t level = 0;; ++level) {
    const bool has_rest = !levels_[level].unfinished.entries.empty();
    const bool is_empty_file = level == 0 && levels_[0].finished_nodes == 0 && !has_rest;
    if (has_rest || is_empty_file) FinishNode(level);
    // The only node of a level is the root; its entry waits, alone, in the level above.
    if (levels_[level].finished_nodes == 1) return levels_[level + 1].unfinished.entries[0].node();
  }
}

void TreeBuilder::AddEntry(size_t level, const Entry& entry) {
  if (level == levels_.size()) {
    assert(level <= static_cast<size_t>(kMaxNodeLevel) + 1);
    levels_.emplace_back().unfinished.level = static_cast<int>(level);
  }
  std::vector<Entry>& entries = levels_[level].unfinished.entries;
  entries.push_back(entry);
  if (EndsNode(entry.id, entries.size())) FinishNode(level);
}

void TreeBuilder::FinishNode(size_t level) {
  FinishedNode finished;
  finished.node = std::exchange(levels_[level].unfinished, Node{static_cast<int>(level), {}});
  ++levels_[level].finished_nodes;
  finished.encoding = EncodeNode(finished.node);
  finished.id = IdOfNode(AsBytes(finished.encoding));
  const Entry entry{finished.id.As<AnyTag>(), finished.node.length_bytes()};
  if (on_node_) on_node_(std::move(finished));
  AddEntry(level + 1, entry);
}

}  // namespace dray
