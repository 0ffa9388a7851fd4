#ifndef DRAY_SERVICES_DELTA_ENGINE_OLD_PLACES_H_
#define DRAY_SERVICES_DELTA_ENGINE_OLD_PLACES_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// Where the chunks of an old version lie in it. The first question reads the leaves, once: those of
// the first million chunks, some 64 GiB, which are 13,000 leaves on average, 65,536 at most, and
// take a quarter of a second. What lies behind them is not found. Every other question reads four
// leaves at most. Memory: 8 bytes for a chunk, 40 for a leaf; 12 MB at most, and twice that while
// they are read. Not thread-safe.
class OldPlaces {
 public:
  static constexpr size_t kMaxChunks = 1u << 20;

  explicit OldPlaces(const Root& root, size_t max_chunks = kMaxChunks)
      : root_(root), max_chunks_(max_chunks) {}

  // The offset of a chunk in the old version: of many places, one of those nearest to `near_bytes`.
  absl::StatusOr<std::optional<uint64_t>> Find(CatalogView& view, const ChunkId& id,
                                               uint64_t near_bytes);

  size_t memory_bytes() const {
    return leaves_.capacity() * sizeof(Leaf) + chunks_.capacity() * sizeof(Chunk);
  }

 private:
  struct Leaf {
    NodeId id;
    uint64_t begin = 0;
  };
  // The first bytes of a chunk's id, and the index of its leaf.
  using Chunk = std::pair<uint32_t, uint32_t>;

  absl::Status Read(CatalogView& view);
  absl::Status Walk(CatalogView& view, const NodeId& id, uint64_t offset);
  absl::StatusOr<std::optional<uint64_t>> FindInLeaf(CatalogView& view, const Leaf& leaf,
                                                     const ChunkId& id, uint64_t near_bytes) const;

  const Root root_;
  const size_t max_chunks_;
  bool read_ = false;
  std::vector<Leaf> leaves_;
  std::vector<Chunk> chunks_;  // sorted
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_OLD_PLACES_H_
