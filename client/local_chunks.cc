#include "client/local_chunks.h"

#include <algorithm>
#include <utility>

#include "client/file_hasher.h"
#include "core/chunking/node.h"

namespace dray {

class LocalChunks::Builder {
 public:
  void Add(const ChunkId& id, uint32_t length_bytes) {
    local_.chunk_of_.try_emplace(id, local_.chunks_.size());
    local_.chunks_.push_back({id, local_.length_bytes(), length_bytes});
    tree_.Add(id, length_bytes);
  }
  LocalChunks Finish() {
    local_.root_ = tree_.Finish();
    return std::move(local_);
  }

 private:
  // Nodes of a level are finished in file order, and each stands on all that was finished below it
  // since the one before.
  void AddNode(const TreeBuilder::FinishedNode& finished) {
    const auto level = static_cast<size_t>(finished.node.level);
    if (local_.levels_.size() <= level) local_.levels_.resize(level + 1);
    std::vector<Node>& nodes = local_.levels_[level];
    Node node = {.id = finished.id, .count = finished.node.entries.size()};
    if (!nodes.empty()) {
      node.begin = nodes.back().end;
      node.first = nodes.back().first + nodes.back().count;
    }
    node.end = node.begin + finished.node.length_bytes();
    local_.node_of_.try_emplace(node.id, Place{finished.node.level, nodes.size()});
    nodes.push_back(node);
  }

  LocalChunks local_;
  TreeBuilder tree_{[this](const TreeBuilder::FinishedNode& finished) { AddNode(finished); }};
};

absl::StatusOr<LocalChunks> LocalChunks::Of(int fd) {
  Builder builder;
  DRAY_RETURN_IF_ERROR(HashFile(fd, 0, [&](absl::Span<const HashedChunk> group) {
                         for (const HashedChunk& chunk : group) {
                           builder.Add(chunk.id, chunk.length_bytes());
                         }
                         return absl::OkStatus();
                       }).status());
  return builder.Finish();
}

absl::StatusOr<LocalChunks> LocalChunks::Of(int fd, HashCache* cache, Trust trust) {
  Builder builder;
  bool recalled = false;
  DRAY_RETURN_IF_ERROR(
      VisitFileChunks(fd, cache, trust, &recalled, [&](absl::Span<const ChunkEntry> group) {
        for (const ChunkEntry& chunk : group) builder.Add(chunk.id, chunk.length_bytes);
        return absl::OkStatus();
      }).status());
  return builder.Finish();
}

const LocalChunks::Chunk* LocalChunks::Find(const ChunkId& id) const {
  const auto found = chunk_of_.find(id);
  return found == chunk_of_.end() ? nullptr : &chunks_[found->second];
}

bool LocalChunks::HasAt(const ChunkId& id, uint64_t offset_bytes) const {
  const auto at =
      std::lower_bound(chunks_.begin(), chunks_.end(), offset_bytes,
                       [](const Chunk& chunk, uint64_t offset) { return chunk.begin < offset; });
  return at != chunks_.end() && at->begin == offset_bytes && at->id == id;
}

absl::Span<const LocalChunks::Chunk> LocalChunks::Beneath(const NodeId& id) const {
  const auto found = node_of_.find(id);
  if (found == node_of_.end()) return {};
  int level = found->second.level;
  size_t first = found->second.index;
  size_t end = first + 1;
  for (; level >= 0; --level) {
    const std::vector<Node>& nodes = levels_[static_cast<size_t>(level)];
    const Node last = nodes[end - 1];
    first = nodes[first].first;
    end = last.first + last.count;
  }
  return absl::MakeConstSpan(chunks_).subspan(first, end - first);
}

absl::Span<const LocalChunks::Node> LocalChunks::NodesAt(int level, uint64_t begin,
                                                         uint64_t end) const {
  if (level < 0 || level >= levels()) return {};
  const std::vector<Node>& nodes = levels_[static_cast<size_t>(level)];
  const auto from =
      std::upper_bound(nodes.begin(), nodes.end(), begin,
                       [](uint64_t offset, const Node& node) { return offset < node.end; });
  const auto to = std::lower_bound(from, nodes.end(), end, [](const Node& node, uint64_t offset) {
    return node.begin < offset;
  });
  return {nodes.data() + (from - nodes.begin()), static_cast<size_t>(to - from)};
}

std::string LocalChunks::EncodingOf(int level, const Node& node) const {
  dray::Node full = {.level = level, .entries = {}};
  for (size_t i = node.first; i < node.first + node.count; ++i) {
    if (level == 0) {
      full.entries.push_back({chunks_[i].id.As<AnyTag>(), chunks_[i].length_bytes});
    } else {
      const Node& child = levels_[static_cast<size_t>(level - 1)][i];
      full.entries.push_back({child.id.As<AnyTag>(), child.end - child.begin});
    }
  }
  return EncodeNode(full);
}

}  // namespace dray
