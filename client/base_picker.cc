#include "client/base_picker.h"

#include <algorithm>
#include <optional>

namespace dray {
namespace {

// A local chunk that shares less than this with a range of bytes is no part of it.
constexpr uint64_t kLeastOverlapBytes = 2048;
// A base much longer than what it is for costs more than it saves.
constexpr uint64_t kMostTimesLonger = 3;

// Where the counterpart of a run of lacking chunks begins in a source, and within which of its
// bytes it lies.
struct Anchor {
  const LocalSource* source = nullptr;
  uint64_t begin = 0;
  uint64_t least = 0;
  uint64_t most = 0;
  bool whole = false;  // all between least and most is the counterpart
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
  uint64_t EndOf(const FileChunk& chunk) const { return chunk.offset_bytes + chunk.length_bytes; }

  // The best that a source offers: two neighbours, then one, then the same place.
  std::optional<Anchor> AnchorOf(size_t first, size_t end) {
    std::optional<Anchor> best;
    for (const LocalSource& source : sources_) {
      std::optional<Anchor> anchor = AnchorIn(source, first, end);
      if (!anchor) continue;
      if (!anchor->whole) {
        if (!best) best = anchor;
        continue;
      }
      best = anchor;
      break;
    }
    if (!best && !sources_.empty()) {
      const LocalSource& source = last_ != nullptr ? *last_ : sources_.front();
      const int64_t place = static_cast<int64_t>(chunk(first).offset_bytes) + shift_bytes_;
      if (place < 0) return std::nullopt;
      return Anchor{&source, static_cast<uint64_t>(place), 0, source.chunks->length_bytes()};
    }
    if (best) {
      last_ = best->source;
      shift_bytes_ =
          static_cast<int64_t>(best->begin) - static_cast<int64_t>(chunk(first).offset_bytes);
    }
    return best;
  }

  std::optional<Anchor> AnchorIn(const LocalSource& source, size_t first, size_t end) const {
    const size_t from = lacking_[first];
    const size_t to = lacking_[end - 1] + 1;
    const LocalChunks::Chunk* const left =
        from > 0 ? source.chunks->Find(chunks_[from - 1].id) : nullptr;
    const LocalChunks::Chunk* right =
        to < chunks_.size() ? source.chunks->Find(chunks_[to].id) : nullptr;
    const uint64_t length = source.chunks->length_bytes();
    if (left != nullptr || from == 0) {
      const uint64_t begin = left != nullptr ? left->end() : 0;
      if (right != nullptr && right->begin < begin) right = nullptr;  // was moved
      if (left == nullptr && right == nullptr) return std::nullopt;
      const bool at_end = to == chunks_.size();
      return Anchor{&source, begin, begin, right != nullptr ? right->begin : length,
                    right != nullptr || at_end};
    }
    if (right == nullptr) return std::nullopt;
    const uint64_t wanted = EndOf(chunks_[to - 1]) - chunks_[from].offset_bytes;
    return Anchor{&source, right->begin - std::min(right->begin, wanted), 0, right->begin};
  }

  void AddBases(size_t first, size_t end, const Anchor& anchor) {
    const uint64_t wanted = EndOf(chunk(end - 1)) - chunk(first).offset_bytes;
    const uint64_t limit = std::min(kMaxLocalBaseBytes, kMostTimesLonger * wanted);
    if (anchor.whole && end - first <= kMaxChunksOfLocalBase) {
      LocalBase base = {first, end - first, anchor.source->fd, {}};
      if (anchor.most - anchor.least <= limit) {
        Take(anchor, anchor.least, anchor.most, &base);
      } else {  // much was cut out here
        Take(anchor, anchor.least, anchor.least + wanted, &base);
        Take(anchor, anchor.most - wanted, anchor.most, &base);
      }
      return Keep(std::move(base));
    }
    uint64_t at = anchor.begin;
    while (first < end) {
      uint64_t length = 0;
      size_t taken = 0;
      while (first + taken < end && taken < kMaxChunksOfLocalBase &&
             (taken == 0 || length + chunk(first + taken).length_bytes <= kMaxLocalBaseBytes / 2)) {
        length += chunk(first + taken++).length_bytes;
      }
      LocalBase base = {first, taken, anchor.source->fd, {}};
      Take(anchor, std::max(at, anchor.least), std::min(at + length, anchor.most), &base);
      Keep(std::move(base));
      at += length;
      first += taken;
    }
  }

  // Adds the chunks between two places of the source.
  static void Take(const Anchor& anchor, uint64_t begin, uint64_t end, LocalBase* base) {
    const absl::Span<const LocalChunks::Chunk> all = anchor.source->chunks->chunks();
    uint64_t length = base->length_bytes();
    for (auto at = std::upper_bound(
             all.begin(), all.end(), begin,
             [](uint64_t offset, const LocalChunks::Chunk&chunk) { return offset < chunk.end(); });
         at != all.end() && at->begin < end; ++at) {
      const uint64_t overlap = std::min(end, at->end()) - std::max(begin, at->begin);
      if (overlap < std::min<uint64_t>(kLeastOverlapBytes, at->length_bytes)) continue;
      if (!base->chunks.empty() && base->chunks.back().begin >= at->begin) continue;
      length += at->length_bytes;
      if (length > kMaxLocalBaseBytes) return;
      base->chunks.push_back(*at);
    }
  }
  void Keep(LocalBase base) {
    if (!base.chunks.empty()) bases_.push_back(std::move(base));
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
