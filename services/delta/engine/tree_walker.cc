#include "services/delta/engine/tree_walker.h"

#include <algorithm>
#include <utility>

namespace dray::delta {
namespace {

// The node of a tree that the catalog vouches for: one that is missing is damage.
absl::StatusOr<Node> ReadKnownNode(CatalogView& view, const NodeId& id) {
  absl::StatusOr<Node> node = view.ReadNode(id);
  if (absl::IsNotFound(node.status())) {
    return absl::DataLossError(
        absl::StrCat(node.status().message(), " in the catalog; run dray-delta check"));
  }
  return node;
}

// The ranges that touch [begin, end).
absl::Span<const ByteRange> Touching(absl::Span<const ByteRange> ranges, uint64_t begin,
                                     uint64_t end) {
  const auto first = std::find_if(ranges.begin(), ranges.end(),
                                  [&](const ByteRange& range) { return range.end > begin; });
  const auto last =
      std::find_if(first, ranges.end(), [&](const ByteRange& range) { return range.begin >= end; });
  return ranges.subspan(first - ranges.begin(), last - first);
}

absl::StatusOr<uint64_t> TouchedBeneath(CatalogView& view, const NodeId& id, uint64_t offset,
                                        absl::Span<const ByteRange> ranges) {
  DRAY_ASSIGN_OR_RETURN(const Node node, ReadKnownNode(view, id));
  uint64_t touched = 0;
  for (const Entry& entry : node.entries) {
    const uint64_t end = offset + entry.length_bytes;
    // Ranges ascend: what ends before this entry is of no use to the later ones.
    const auto mine = Touching(ranges, offset, end);
    if (!mine.empty()) {
      const bool whole = mine.front().begin <= offset && mine.front().end >= end;
      if (node.level == 0 || whole) {
        touched += entry.length_bytes;
      } else {
        DRAY_ASSIGN_OR_RETURN(const uint64_t beneath,
                              TouchedBeneath(view, entry.node(), offset, mine));
        touched += beneath;
      }
      ranges.remove_prefix(mine.data() - ranges.data());
    }
    offset = end;
  }
  return touched;
}

}  // namespace

absl::StatusOr<uint64_t> TreeWalker::TouchedBytes(CatalogView& view) const {
  return TouchedBeneath(view, root_, 0, ranges_);
}

bool TreeWalker::Touches(uint64_t offset, uint64_t end) {
  while (range_ < ranges_.size() && ranges_[range_].end <= offset) ++range_;
  return range_ < ranges_.size() && ranges_[range_].begin < end;
}

absl::StatusOr<bool> TreeWalker::Next(CatalogView& view, size_t limit, std::vector<Entry>* chunks) {
  if (!std::exchange(started_, true)) {
    DRAY_ASSIGN_OR_RETURN(Node root, ReadKnownNode(view, root_));
    levels_.push_back({.node = std::move(root)});
  }
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.next == level.node.entries.size()) {
      levels_.pop_back();
      continue;
    }
    if (limit == 0) return true;
    const Entry entry = level.node.entries[level.next++];
    const uint64_t offset = level.offset;
    level.offset += entry.length_bytes;
    if (!Touches(offset, level.offset)) continue;
    if (level.node.level == 0) {
      chunks->push_back(entry);
      --limit;
    } else {
      DRAY_ASSIGN_OR_RETURN(Node child, ReadKnownNode(view, entry.node()));
      levels_.push_back({.node = std::move(child), .offset = offset});
    }
  }
  return false;
}

}  // namespace dray::delta
