#include "client/base_picker.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace dray {
namespace {

// A local chunk that shares less than this with a range of bytes is no part of it.
constexpr uint64_t kLeastOverlapBytes = 2048;
// A base much longer than what it is for costs more than it saves.
constexpr uint64_t kMostTimesLonger = 3;

// Where in a source what is like a run of lacking chunks lies.
struct Anchor {
  // The better kinds come first.
  enum class Kind {
    kBetween,  // between the places of both neighbours
    kSeam,     // these were no neighbours: what followed the one and what preceded the other
    kBeside,   // at the same distance from one of them
  };
  Kind kind = Kind::kBeside;
  const LocalSource* source = nullptr;
  uint64_t begin = 0;  // of the counterpart, or of what followed the left neighbour
  uint64_t least = 0;  // the counterpart lies within these bytes
  uint64_t most = 0;   // kBetween, kSeam: where the right neighbour begins
};

class Picker {
 public:
  Picker(absl::Span<const FileChunk> chunks, absl::Span<const size_t> lacking,
         absl::Span<const LocalSource> sources)
      : chunks_(chunks), lacking_(lacking), sources_(sources) {}

  std::vector<LocalBase> Run() {
    for (size_t first = 0; first < lacking_.size();) {
      size_t end = first + 1;
      while (end < lacking_.size() && lacking_[end] == lacking_[end - 1] + 1) ++end;
      if (const auto anchor = AnchorOf(first, end)) AddBases(first, end, *anchor);
      first = end;
    }
    return std::move(bases_);
  }

 private:
  const FileChunk& chunk(size_t lacking) const { return chunks_[lacking_[lacking]]; }
  static uint64_t EndOf(const FileChunk& chunk) { return chunk.offset_bytes + chunk.length_bytes; }
  uint64_t LengthOf(size_t first, size_t end) const {
    return EndOf(chunk(end - 1)) - chunk(first).offset_bytes;
  }

  // The best that a source offers, else the same place.
  std::optional<Anchor> AnchorOf(size_t first, size_t end) {
    std::optional<Anchor> best;
    for (const LocalSource& source : sources_) {
      const std::optional<Anchor> anchor = AnchorIn(source, first, end);
      if (anchor && (!best || anchor->kind < best->kind)) best = anchor;
      if (best && best->kind == Anchor::Kind::kBetween) break;
    }
    if (!best && !sources_.empty()) {
      const LocalSource& source = last_ != nullptr ? *last_ : sources_.front();
      const int64_t place = static_cast<int64_t>(chunk(first).offset_bytes) + shift_bytes_;
      if (place < 0) return std::nullopt;
      return Anchor{.source = &source,
                    .begin = static_cast<uint64_t>(place),
                    .most = source.chunks->length_bytes()};
    }
    if (best) {
      last_ = best->source;
      // What comes next lay beside the right neighbour.
      const bool both = best->kind != Anchor::Kind::kBeside;
      const uint64_t there = both ? best->most : best->begin;
      const uint64_t here = both ? EndOf(chunk(end - 1)) : chunk(first).offset_bytes;
      shift_bytes_ = static_cast<int64_t>(there) - static_cast<int64_t>(here);
    }
    return best;
  }

  std::optional<Anchor> AnchorIn(const LocalSource& source, size_t first, size_t end) const {
    const size_t from = lacking_[first];
    const size_t to = lacking_[end - 1] + 1;
    std::optional<uint64_t> left;
    std::optional<uint64_t> right;
    if (from > 0) left = EndIn(source, chunks_[from - 1]);
    if (to < chunks_.size()) right = BeginIn(source, chunks_[to]);
    if (!left && !right) return std::nullopt;
    // The ends of the files are neighbours as well.
    if (from == 0) left = 0;
    if (to == chunks_.size()) right = source.chunks->length_bytes();
    const uint64_t wanted = LengthOf(first, end);
    if (!left) {
      return Anchor{.source = &source, .begin = *right - std::min(*right, wanted), .most = *right};
    }
    Anchor anchor = {.source = &source,
                     .begin = *left,
                     .least = *left,
                     .most = right.value_or(source.chunks->length_bytes())};
    if (right) {
      const bool one_base = end - first <= kMaxChunksOfLocalBase;
      const uint64_t most = kMostTimesLonger * wanted;
      const uint64_t limit = one_base ? std::min(most, kMaxLocalBaseBytes) : most;
      const bool near = *left <= *right && *right - *left <= limit;
      anchor.kind = near ? Anchor::Kind::kBetween : Anchor::Kind::kSeam;
    }
    return anchor;
  }

  // Where a chunk begins in a source: of several places, that which an edit would have left.
  std::optional<uint64_t> BeginIn(const LocalSource& source, const FileChunk& chunk) const {
    const int64_t place = static_cast<int64_t>(chunk.offset_bytes) +
                          (last_ == nullptr || last_ == &source ? shift_bytes_ : 0);
    if (place >= 0 && source.chunks->HasAt(chunk.id, static_cast<uint64_t>(place))) {
      return static_cast<uint64_t>(place);
    }
    const LocalChunks::Chunk* const found = source.chunks->Find(chunk.id);
    if (found == nullptr) return std::nullopt;
    return found->begin;
  }
  std::optional<uint64_t> EndIn(const LocalSource& source, const FileChunk& chunk) const {
    const std::optional<uint64_t> begin = BeginIn(source, chunk);
    if (!begin) return std::nullopt;
    return *begin + chunk.length_bytes;
  }

  void AddBases(size_t first, size_t end, const Anchor& anchor) {
    const uint64_t wanted = LengthOf(first, end);
    if (anchor.kind == Anchor::Kind::kBetween && end - first <= kMaxChunksOfLocalBase) {
      return Keep(first, end - first, anchor, In(anchor, anchor.least, anchor.most));
    }
    uint64_t done = 0;
    while (first < end) {
      uint64_t length = 0;
      size_t taken = 0;
      while (first + taken < end && taken < kMaxChunksOfLocalBase &&
             (taken == 0 || length + chunk(first + taken).length_bytes <= kMaxLocalBaseBytes / 2)) {
        length += chunk(first + taken++).length_bytes;
      }
      const uint64_t at = anchor.begin + done;
      if (anchor.kind == Anchor::Kind::kSeam) {
        const uint64_t left = wanted - done;  // to the right neighbour
        Keep(first, taken, anchor,
             Joined(In(anchor, at, at + length),
                    In(anchor, anchor.most - std::min(anchor.most, left),
                       anchor.most - std::min(anchor.most, left - length))));
      } else {
        Keep(first, taken, anchor,
             In(anchor, std::max(at, anchor.least), std::min(at + length, anchor.most)));
      }
      done += length;
      first += taken;
    }
  }

  // The chunks between two places of the source.
  static std::vector<LocalChunks::Chunk> In(const Anchor& anchor, uint64_t begin, uint64_t end) {
    std::vector<LocalChunks::Chunk> found;
    const absl::Span<const LocalChunks::Chunk> all = anchor.source->chunks->chunks();
    for (auto at = std::upper_bound(
             all.begin(), all.end(), begin,
             [](uint64_t offset, const LocalChunks::Chunk&chunk) { return offset < chunk.end(); });
         at != all.end() && at->begin < end; ++at) {
      const uint64_t overlap = std::min(end, at->end()) - std::max(begin, at->begin);
      if (overlap < std::min<uint64_t>(kLeastOverlapBytes, at->length_bytes)) continue;
      found.push_back(*at);
    }
    return found;
  }

  // Both, without repetitions and within the limit: dispensable is first what lies far from the
  // neighbours.
  static std::vector<LocalChunks::Chunk> Joined(std::vector<LocalChunks::Chunk> after,
                                                std::vector<LocalChunks::Chunk> before) {
    std::erase_if(before, [&](const LocalChunks::Chunk& chunk) {
      return std::any_of(after.begin(), after.end(), [&](const LocalChunks::Chunk& other) {
        return other.begin == chunk.begin;
      });
    });
    uint64_t length = LengthOf(after) + LengthOf(before);
    while (length > kMaxLocalBaseBytes && after.size() > 1) {
      length -= after.back().length_bytes;
      after.pop_back();
    }
    while (length > kMaxLocalBaseBytes && !before.empty()) {
      length -= before.front().length_bytes;
      before.erase(before.begin());
    }
    after.insert(after.end(), before.begin(), before.end());
    return after;
  }

  static uint64_t LengthOf(absl::Span<const LocalChunks::Chunk> chunks) {
    uint64_t length = 0;
    for (const LocalChunks::Chunk& chunk : chunks) length += chunk.length_bytes;
    return length;
  }

  void Keep(size_t first, size_t count, const Anchor& anchor,
            std::vector<LocalChunks::Chunk> chunks) {
    uint64_t length = LengthOf(chunks);
    while (length > kMaxLocalBaseBytes) {
      length -= chunks.back().length_bytes;
      chunks.pop_back();
    }
    if (!chunks.empty()) bases_.push_back({first, count, anchor.source->fd, std::move(chunks)});
  }

  const absl::Span<const FileChunk> chunks_;
  const absl::Span<const size_t> lacking_;
  const absl::Span<const LocalSource> sources_;
  const LocalSource* last_ = nullptr;  // that had a neighbour
  int64_t shift_bytes_ = 0;            // from a place in the file to that in the source
  std::vector<LocalBase> bases_;
};

}  // namespace

uint64_t LocalBase::length_bytes() const {
  uint64_t length = 0;
  for (const LocalChunks::Chunk& chunk : chunks) length += chunk.length_bytes;
  return length;
}

std::vector<LocalBase> PickBases(absl::Span<const FileChunk> chunks,
                                 absl::Span<const size_t> lacking,
                                 absl::Span<const LocalSource> sources) {
  return Picker(chunks, lacking, sources).Run();
}

}  // namespace dray
