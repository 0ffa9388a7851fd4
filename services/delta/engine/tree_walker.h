#ifndef DRAY_SERVICES_DELTA_ENGINE_TREE_WALKER_H_
#define DRAY_SERVICES_DELTA_ENGINE_TREE_WALKER_H_

#include <cstdint>
#include <vector>

#include "core/chunking/node.h"
#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// A run of a file's bytes: [begin, end).
struct ByteRange {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Walks the leaves of a tree in file order, into the parts that touch given ranges alone: a descent
// costs the tree's height. Holds one node for each level. Not thread-safe.
class TreeWalker {
 public:
  // `ranges` are ascending, not empty, and do not overlap.
  TreeWalker(const Root& root, std::vector<ByteRange> ranges)
      : root_(root), ranges_(std::move(ranges)) {}

  // The sum of the lengths of the chunks that touch the ranges.
  absl::StatusOr<uint64_t> TouchedBytes(CatalogView& view) const;

  // Appends the next chunks, at most `limit`; false: there are no more. DATA_LOSS when the tree is
  // damaged.
  absl::StatusOr<bool> Next(CatalogView& view, size_t limit, std::vector<Entry>* chunks);

 private:
  struct Level {
    Node node;
    size_t next = 0;      // entry
    uint64_t offset = 0;  // of that entry, in the file
  };

  // Skips the ranges that end at or before `offset`; whether [offset, end) touches the next one.
  bool Touches(uint64_t offset, uint64_t end);

  const Root root_;
  const std::vector<ByteRange> ranges_;
  size_t range_ = 0;
  bool started_ = false;
  std::vector<Level> levels_;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_TREE_WALKER_H_
