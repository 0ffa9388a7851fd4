#ifndef DRAY_SERVICES_DELTA_ENGINE_BASE_FINDER_H_
#define DRAY_SERVICES_DELTA_ENGINE_BASE_FINDER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// Chunks of an old version in which parts of missing chunks may be found.
struct Base {
  uint32_t first = 0;  // index into the missing ones
  uint32_t count = 0;  // of them
  std::vector<StoredChunk> chunks;
};

// Finds what in an old version corresponds to a new one's leaves: the entries at the same place;
// and to their missing chunks: the bytes between the same known neighbours; where those were no
// neighbours (a cut, a swap), what followed the left one and what preceded the right one; where
// nothing known is of the old version (all is new, or an upload was cut off), the bytes at the same
// place. Reads the few old leaves around each new
// one; what lay farther away is found by the order in which chunks came into the catalog. Leaves
// are asked for in file order. Not thread-safe.
class BaseFinder {
 public:
  // A base has at most so many bytes, and belongs to at most so many missing chunks.
  static constexpr uint64_t kMaxBaseBytes = 512u << 10;
  static constexpr uint32_t kMaxChunksOfBase = 4;

  BaseFinder(const Root& old_root, uint64_t old_size_bytes)
      : root_(old_root), size_bytes_(old_size_bytes) {}

  // What lies where a new leaf does; at most as many entries as a leaf may have.
  absl::StatusOr<std::vector<Entry>> OldEntries(CatalogView& view, uint64_t offset_bytes,
                                                uint64_t length_bytes);

  // `missing`: ascending indices into the leaf's entries. Bases come in order; not every missing
  // chunk has one.
  absl::StatusOr<std::vector<Base>> Find(CatalogView& view, const Node& leaf, uint64_t offset_bytes,
                                         absl::Span<const uint32_t> missing);

 private:
  struct OldChunk {
    Entry entry;
    uint64_t begin = 0;  // offset in the old file
    uint64_t end() const { return begin + entry.length_bytes; }
  };
  // A run of missing neighbours.
  struct Run {
    uint32_t first = 0;  // index into `missing`
    std::vector<uint64_t> lengths_bytes;
    uint64_t begin = 0;  // in the new file
    uint64_t end = 0;
  };
  // Where the old counterpart of a run begins and between which old offsets it lies.
  struct Anchor {
    uint64_t begin = 0;
    uint64_t least = 0;
    uint64_t most = 0;
    bool whole = false;  // all between least and most is the counterpart
  };

  // Appends to the window the old chunks that touch [begin, end), beneath a node at `offset`.
  absl::Status Collect(CatalogView& view, const NodeId& id, uint64_t offset, uint64_t begin,
                       uint64_t end);
  // Where in the old file what is at `offset_bytes` in the new one is expected.
  uint64_t OldPlace(uint64_t offset_bytes) const;
  absl::Status LoadWindow(CatalogView& view, uint64_t offset_bytes, uint64_t length_bytes);
  const OldChunk* InWindow(const Entry& entry) const;
  std::optional<Anchor> AnchorOf(const Node& leaf, absl::Span<const uint32_t> missing,
                                 const Run& run);
  // Whether the run's bases are just what lies between its neighbours' places.
  static bool IsCounterpart(const Anchor& anchor, const Run& run);
  absl::Status AddBases(CatalogView& view, const Run& run, const Anchor& anchor,
                        std::vector<Base>* bases) const;
  // For a run whose neighbours were none, or not known to have been.
  absl::Status AddSeam(CatalogView& view, const Node& leaf, absl::Span<const uint32_t> missing,
                       const Run& run, std::vector<Base>* bases) const;
  // Chunks of about so many bytes, nearest first: what followed a known one or preceded it, up to
  // what the leaf has itself (which came with the known one, in an upload that was cut off).
  enum class Side { kAfter, kBefore };
  absl::StatusOr<std::vector<StoredChunk>> Beside(CatalogView& view, const Node& leaf,
                                                  const Entry& known, Side side,
                                                  uint64_t length_bytes) const;
  absl::StatusOr<std::optional<StoredChunk>> Next(CatalogView& view, const Entry& known,
                                                  Side side) const;
  absl::Status AddBase(CatalogView& view, uint32_t first, uint32_t count, uint64_t begin,
                       uint64_t end, std::vector<Base>* bases) const;

  const Root root_;
  const uint64_t size_bytes_;
  int64_t shift_bytes_ = 0;  // from a place in the new file to that in the old one
  std::vector<OldChunk> window_;
  absl::flat_hash_map<ChunkId, size_t> index_;  // of window_
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_BASE_FINDER_H_
