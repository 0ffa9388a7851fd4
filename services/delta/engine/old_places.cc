#include "services/delta/engine/old_places.h"

#include <algorithm>

#include "core/base/bytes.h"

namespace dray::delta {
namespace {

// Leaves looked into for one chunk: nearly always one has an id that begins like its.
constexpr int kMostLeavesRead = 4;

uint32_t ShortIdOf(const ChunkId& id) { return LoadBigEndian<uint32_t>(AsBytes(id.view()).data()); }

uint64_t Distance(uint64_t a, uint64_t b) { return a < b ? b - a : a - b; }

}  // namespace

absl::StatusOr<std::optional<uint64_t>> OldPlaces::Find(CatalogView& view, const ChunkId& id,
                                                        uint64_t near_bytes) {
  if (!read_) DRAY_RETURN_IF_ERROR(Read(view));
  const uint32_t short_id = ShortIdOf(id);
  const auto begin = std::lower_bound(chunks_.begin(), chunks_.end(), Chunk(short_id, 0));
  auto after = begin;
  auto end = begin;
  // Between them the leaves that have such a chunk, in file order.
  while (end != chunks_.end() && end->first == short_id) {
    if (leaves_[end->second].begin <= near_bytes) after = end + 1;
    ++end;
  }
  auto before = after;
  for (int i = 0; i < kMostLeavesRead && (before != begin || after != end); ++i) {
    const bool earlier =
        after == end || (before != begin && near_bytes - leaves_[std::prev(before)->second].begin <
                                                leaves_[after->second].begin - near_bytes);
    const uint32_t leaf = earlier ? (--before)->second : (after++)->second;
    DRAY_ASSIGN_OR_RETURN(const auto found, FindInLeaf(view, leaves_[leaf], id, near_bytes));
    if (found) return found;
  }
  return std::nullopt;
}

absl::Status OldPlaces::Read(CatalogView& view) {
  read_ = true;
  DRAY_RETURN_IF_ERROR(Walk(view, root_, 0));
  std::sort(chunks_.begin(), chunks_.end());
  chunks_.erase(std::unique(chunks_.begin(), chunks_.end()), chunks_.end());
  chunks_.shrink_to_fit();
  leaves_.shrink_to_fit();
  return absl::OkStatus();
}

absl::Status OldPlaces::Walk(CatalogView& view, const NodeId& id, uint64_t offset) {
  DRAY_ASSIGN_OR_RETURN(const Node node, view.ReadNode(id));
  if (node.level == 0) {
    for (const Entry& entry : node.entries) {
      chunks_.push_back({ShortIdOf(entry.chunk()), static_cast<uint32_t>(leaves_.size())});
    }
    leaves_.push_back({id, offset});
    return absl::OkStatus();
  }
  for (const Entry& entry : node.entries) {
    if (chunks_.size() + kMaxNodeEntries > max_chunks_) break;
    DRAY_RETURN_IF_ERROR(Walk(view, entry.node(), offset));
    offset += entry.length_bytes;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<uint64_t>> OldPlaces::FindInLeaf(CatalogView& view, const Leaf& leaf,
                                                              const ChunkId& id,
                                                              uint64_t near_bytes) const {
  DRAY_ASSIGN_OR_RETURN(const Node node, view.ReadNode(leaf.id));
  std::optional<uint64_t> best;
  uint64_t offset = leaf.begin;
  for (const Entry& entry : node.entries) {
    const bool nearer = !best || Distance(offset, near_bytes) < Distance(*best, near_bytes);
    if (entry.chunk() == id && nearer) best = offset;
    offset += entry.length_bytes;
  }
  return best;
}

}  // namespace dray::delta
