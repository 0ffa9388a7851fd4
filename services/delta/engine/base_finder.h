#ifndef DRAY_SERVICES_DELTA_ENGINE_BASE_FINDER_H_
#define DRAY_SERVICES_DELTA_ENGINE_BASE_FINDER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "services/delta/catalog/catalog.h"
#include "services/delta/engine/old_places.h"

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
// place. Reads the few old leaves around each new one. Where neighbours lay farther away, OldPlaces
// tells, which costs one walk of bounded length; what it does not know (other files' chunks; those
// behind its first million) has the neighbours with which it came into the catalog. Leaves are
// asked for in file order. Not thread-safe.
class BaseFinder {
 public:
  // A base has at most so many bytes, and belongs to at most so many missing chunks.
  static constexpr uint64_t kMaxBaseBytes = 512u << 10;
  static constexpr uint32_t kMaxChunksOfBase = 4;

  BaseFinder(const Root& old_root, uint64_t old_size_bytes)
      : root_(old_root), size_bytes_(old_size_bytes), places_(old_root) {}

  // The chunks of the new version just before and after a leaf, where the catalog has them.
  struct Around {
    std::optional<Entry> before;
    std::optional<Entry> after;
  };

  // What lies where a new leaf does; at most as many entries as a leaf may have.
  absl::StatusOr<std::vector<Entry>> OldEntries(CatalogView& view, uint64_t offset_bytes,
                                                uint64_t length_bytes);

  // `missing`: ascending indices into the leaf's entries. Bases come in order; not every missing
  // chunk has one.
  absl::StatusOr<std::vector<Base>> Find(CatalogView& view, const Node& leaf, uint64_t offset_bytes,
                                         absl::Span<const uint32_t> missing, const Around& around);

 private:
  struct OldChunk {
    Entry entry;
    uint64_t begin = 0;  // offset in the old file
    size_t next = 0;     // index of the next one in the window that is equal; 0: none
    uint64_t end() const { return begin + entry.length_bytes; }
  };
  // A run of missing neighbours.
  struct Run {
    uint32_t first = 0;  // index into `missing`
    std::vector<uint64_t> lengths_bytes;
    uint64_t begin = 0;  // in the new file
    uint64_t end = 0;
    const Entry* left = nullptr;  // its known neighbours in the leaf
    const Entry* right = nullptr;

    uint64_t length_bytes() const { return end - begin; }
    bool short_enough() const { return lengths_bytes.size() <= kMaxChunksOfBase; }
  };
  // Places in the old version.
  struct Anchor {
    std::optional<uint64_t> left;   // where what followed the left neighbour begins
    std::optional<uint64_t> right;  // where the right neighbour begins
    bool between = false;           // the counterpart lies between the two
    uint64_t begin = 0;             // where an edit in place would leave the run
  };

  // Appends the old chunks that touch [begin, end), beneath a node at `offset`.
  static absl::Status Collect(CatalogView& view, const NodeId& id, uint64_t offset, uint64_t begin,
                              uint64_t end, std::vector<OldChunk>* chunks);
  // Where in the old file what is at `offset_bytes` in the new one is expected.
  uint64_t OldPlace(uint64_t offset_bytes) const;
  absl::Status LoadWindow(CatalogView& view, uint64_t offset_bytes, uint64_t length_bytes);
  // Where a chunk lay; of many places, the one nearest to `near_bytes`.
  absl::StatusOr<std::optional<uint64_t>> PlaceOf(CatalogView& view, const ChunkId& id,
                                                  uint64_t near_bytes);
  absl::StatusOr<Anchor> AnchorOf(CatalogView& view, const Run& run, const Entry* left,
                                  const Entry* right);
  absl::Status AddBases(CatalogView& view, const Node& leaf, const Run& run, const Anchor& anchor,
                        std::vector<Base>* bases) const;
  // For a part of the run, `done` bytes behind its begin: what followed the left neighbour and what
  // preceded the right one, as much as the part is long.
  absl::StatusOr<std::vector<StoredChunk>> After(CatalogView& view, const Node& leaf,
                                                 const Run& run, const Anchor& anchor,
                                                 uint64_t done, uint64_t length_bytes) const;
  absl::StatusOr<std::vector<StoredChunk>> Before(CatalogView& view, const Node& leaf,
                                                  const Run& run, const Anchor& anchor,
                                                  uint64_t done, uint64_t length_bytes) const;
  // Both, without repetitions and within the limit: dispensable is first what lies far from the
  // neighbours.
  static std::vector<StoredChunk> Join(std::vector<StoredChunk> after,
                                       std::vector<StoredChunk> before);
  // The old chunks between two places, as long as they are known.
  absl::StatusOr<std::vector<StoredChunk>> Between(CatalogView& view, uint64_t begin,
                                                   uint64_t end) const;
  // Chunks of about so many bytes, nearest first: those that came into the catalog after a known
  // one or before it, up to what the leaf has itself (which came with the known one, in an upload
  // that was cut off).
  enum class Side { kAfter, kBefore };
  static absl::StatusOr<std::vector<StoredChunk>> CameBeside(CatalogView& view, const Node& leaf,
                                                             const Entry& known, Side side,
                                                             uint64_t length_bytes);

  const Root root_;
  const uint64_t size_bytes_;
  OldPlaces places_;
  int64_t shift_bytes_ = 0;  // from a place in the new file to that in the old one
  uint64_t open_end_ = 0;    // where a run ended with its leaf: the next may be its other part
  std::vector<OldChunk> window_;
  absl::flat_hash_map<ChunkId, size_t> index_;  // of window_
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_BASE_FINDER_H_
