#include "services/delta/engine/base_finder.h"

#include <algorithm>
#include <utility>

#include "core/chunking/chunker.h"

namespace dray::delta {
namespace {

// How far from where it is expected a leaf's counterpart is looked for.
constexpr uint64_t kSlackBytes = 2u << 20;
// An old chunk that shares less than this with a range of bytes is no part of it.
constexpr uint64_t kLeastOverlapBytes = 2048;
// A signature of much more than what it is for costs more than it saves.
constexpr uint64_t kMostTimesLonger = 3;
constexpr uint64_t kMaxLeafBytes = kMaxNodeEntries * uint64_t{kMaxChunkBytes};

}  // namespace

absl::StatusOr<std::vector<Base>> BaseFinder::Find(CatalogView& view, const Node& leaf,
                                                   uint64_t offset_bytes,
                                                   absl::Span<const uint32_t> missing) {
  DRAY_RETURN_IF_ERROR(LoadWindow(view, offset_bytes, leaf.length_bytes()));
  std::vector<Base> bases;
  uint64_t offset = offset_bytes;
  uint32_t entry = 0;
  for (uint32_t i = 0; i < missing.size();) {
    for (; entry < missing[i]; ++entry) offset += leaf.entries[entry].length_bytes;
    Run run{.first = i, .begin = offset};
    do {
      run.lengths_bytes.push_back(leaf.entries[entry].length_bytes);
      offset += leaf.entries[entry++].length_bytes;
      ++i;
    } while (i < missing.size() && missing[i] == entry);
    run.end = offset;
    const auto anchor = AnchorOf(leaf, missing, run);
    const size_t before = bases.size();
    if (run.begin > 0 && run.lengths_bytes.size() <= kMaxChunksOfBase &&
        missing.size() < leaf.entries.size() && !(anchor && IsCounterpart(*anchor, run))) {
      DRAY_RETURN_IF_ERROR(AddSeam(view, leaf, missing, run, &bases));
    }
    if (anchor && bases.size() == before) {
      DRAY_RETURN_IF_ERROR(AddBases(view, run, *anchor, &bases));
    }
  }
  return bases;
}

absl::StatusOr<std::vector<Entry>> BaseFinder::OldEntries(CatalogView& view, uint64_t offset_bytes,
                                                          uint64_t length_bytes) {
  window_.clear();
  index_.clear();
  const uint64_t begin = OldPlace(offset_bytes);
  const uint64_t length = std::min({length_bytes, kMaxLeafBytes, size_bytes_ - begin});
  DRAY_RETURN_IF_ERROR(Collect(view, root_, 0, begin, begin + length));
  std::vector<Entry> entries;
  for (const OldChunk& old : window_) {
    if (entries.size() < kMaxNodeEntries) entries.push_back(old.entry);
  }
  return entries;
}

uint64_t BaseFinder::OldPlace(uint64_t offset_bytes) const {
  const int64_t place = static_cast<int64_t>(offset_bytes) + shift_bytes_;
  return std::min(static_cast<uint64_t>(std::max<int64_t>(0, place)), size_bytes_);
}

absl::Status BaseFinder::LoadWindow(CatalogView& view, uint64_t offset_bytes,
                                    uint64_t length_bytes) {
  window_.clear();
  index_.clear();
  const uint64_t begin = OldPlace(offset_bytes);
  const uint64_t end = std::min(begin + length_bytes + kSlackBytes, size_bytes_);
  DRAY_RETURN_IF_ERROR(Collect(view, root_, 0, begin - std::min(begin, kSlackBytes), end));
  for (size_t i = 0; i < window_.size(); ++i) index_.try_emplace(window_[i].entry.chunk(), i);
  return absl::OkStatus();
}

absl::Status BaseFinder::Collect(CatalogView& view, const NodeId& id, uint64_t offset,
                                 uint64_t begin, uint64_t end) {
  DRAY_ASSIGN_OR_RETURN(const Node node, view.ReadNode(id));
  for (const Entry& entry : node.entries) {
    const uint64_t next = offset + entry.length_bytes;
    if (next > begin && offset < end) {
      if (node.level == 0) {
        window_.push_back({entry, offset});
      } else {
        DRAY_RETURN_IF_ERROR(Collect(view, entry.node(), offset, begin, end));
      }
    }
    offset = next;
  }
  return absl::OkStatus();
}

const BaseFinder::OldChunk* BaseFinder::InWindow(const Entry& entry) const {
  const auto found = index_.find(entry.chunk());
  return found == index_.end() ? nullptr : &window_[found->second];
}

std::optional<BaseFinder::Anchor> BaseFinder::AnchorOf(const Node& leaf,
                                                       absl::Span<const uint32_t> missing,
                                                       const Run& run) {
  const uint32_t begin = missing[run.first];
  const size_t end = begin + run.lengths_bytes.size();
  const OldChunk* const left = begin > 0 ? InWindow(leaf.entries[begin - 1]) : nullptr;
  const OldChunk* right = end < leaf.entries.size() ? InWindow(leaf.entries[end]) : nullptr;
  const uint64_t length = run.end - run.begin;
  Anchor anchor{.most = size_bytes_};
  if (left != nullptr || run.begin == 0) {
    anchor.begin = anchor.least = left != nullptr ? left->end() : 0;
    if (right != nullptr && right->begin < anchor.least) right = nullptr;  // was moved
    if (right != nullptr) anchor.most = right->begin;
    anchor.whole = right != nullptr;
  } else if (right != nullptr) {
    anchor.most = right->begin;
    anchor.begin = right->begin - std::min(right->begin, length);
  } else {
    // Nothing here is of the old version: the run stands where an edit in place would leave it.
    const int64_t place = static_cast<int64_t>(run.begin) + shift_bytes_;
    if (place < 0) return std::nullopt;
    anchor.begin = static_cast<uint64_t>(place);
  }
  if (right != nullptr) {
    shift_bytes_ = static_cast<int64_t>(right->begin) - static_cast<int64_t>(run.end);
  } else if (left != nullptr) {
    shift_bytes_ = static_cast<int64_t>(left->end()) - static_cast<int64_t>(run.begin);
  }
  return anchor;
}

bool BaseFinder::IsCounterpart(const Anchor& anchor, const Run& run) {
  return anchor.whole && run.lengths_bytes.size() <= kMaxChunksOfBase &&
         anchor.most - anchor.least <=
             std::min(kMaxBaseBytes, kMostTimesLonger * (run.end - run.begin));
}

absl::Status BaseFinder::AddSeam(CatalogView& view, const Node& leaf,
                                 absl::Span<const uint32_t> missing, const Run& run,
                                 std::vector<Base>* bases) const {
  const uint32_t begin = missing[run.first];
  const size_t end = begin + run.lengths_bytes.size();
  const uint64_t length = std::min(run.end - run.begin, kMaxBaseBytes / 2);
  std::vector<StoredChunk> chunks;
  if (begin > 0) {
    DRAY_ASSIGN_OR_RETURN(chunks,
                          Beside(view, leaf, leaf.entries[begin - 1], Side::kAfter, length));
  }
  if (end < leaf.entries.size()) {
    DRAY_ASSIGN_OR_RETURN(const auto before,
                          Beside(view, leaf, leaf.entries[end], Side::kBefore, length));
    for (auto chunk = before.rbegin(); chunk != before.rend(); ++chunk) {
      const bool there = std::any_of(chunks.begin(), chunks.end(), [&](const StoredChunk& other) {
        return other.id == chunk->id;
      });
      if (!there) chunks.push_back(*chunk);
    }
  }
  if (chunks.empty()) return absl::OkStatus();
  bases->push_back({.first = run.first,
                    .count = static_cast<uint32_t>(run.lengths_bytes.size()),
                    .chunks = std::move(chunks)});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StoredChunk>> BaseFinder::Beside(CatalogView& view, const Node& leaf,
                                                            const Entry& known, Side side,
                                                            uint64_t length_bytes) const {
  std::vector<StoredChunk> chunks;
  Entry at = known;
  for (uint64_t length = 0; length + kLeastOverlapBytes < length_bytes || chunks.empty();) {
    DRAY_ASSIGN_OR_RETURN(const auto next, Next(view, at, side));
    if (!next || length + next->length_bytes > kMaxBaseBytes / 2) break;
    const auto is_next = [&](const Entry& entry) { return entry.chunk() == next->id; };
    if (std::any_of(leaf.entries.begin(), leaf.entries.end(), is_next)) break;
    length += next->length_bytes;
    at = Entry{.id = next->id.As<AnyTag>(), .length_bytes = next->length_bytes};
    chunks.push_back(*next);
  }
  return chunks;
}

absl::StatusOr<std::optional<StoredChunk>> BaseFinder::Next(CatalogView& view, const Entry& known,
                                                            Side side) const {
  const bool after = side == Side::kAfter;
  const auto found = index_.find(known.chunk());
  if (found == index_.end()) {
    return after ? view.FindChunkAfter(known.chunk()) : view.FindChunkBefore(known.chunk());
  }
  const size_t at = found->second;
  if (after ? at + 1 == window_.size() : at == 0) return std::nullopt;
  return view.FindChunk(window_[after ? at + 1 : at - 1].entry.chunk());
}

absl::Status BaseFinder::AddBases(CatalogView& view, const Run& run, const Anchor& anchor,
                                  std::vector<Base>* bases) const {
  const auto count = static_cast<uint32_t>(run.lengths_bytes.size());
  if (IsCounterpart(anchor, run)) {
    return AddBase(view, run.first, count, anchor.least, anchor.most, bases);
  }
  uint64_t at = anchor.begin;
  for (uint32_t first = 0; first < count;) {
    uint64_t length = 0;
    uint32_t taken = 0;
    while (first + taken < count && taken < kMaxChunksOfBase &&
           (taken == 0 || length + run.lengths_bytes[first + taken] <= kMaxBaseBytes / 2)) {
      length += run.lengths_bytes[first + taken++];
    }
    DRAY_RETURN_IF_ERROR(AddBase(view, run.first + first, taken, std::max(at, anchor.least),
                                 std::min(at + length, anchor.most), bases));
    at += length;
    first += taken;
  }
  return absl::OkStatus();
}

absl::Status BaseFinder::AddBase(CatalogView& view, uint32_t first, uint32_t count, uint64_t begin,
                                 uint64_t end, std::vector<Base>* bases) const {
  Base base{.first = first, .count = count};
  uint64_t length = 0;
  for (const OldChunk& old : window_) {
    const uint64_t from = std::max(begin, old.begin);
    const uint64_t to = std::min(end, old.end());
    if (to <= from) continue;
    if (to - from < std::min(kLeastOverlapBytes, old.entry.length_bytes)) continue;
    if (length + old.entry.length_bytes > kMaxBaseBytes) break;
    DRAY_ASSIGN_OR_RETURN(const auto chunk, view.FindChunk(old.entry.chunk()));
    if (!chunk) break;
    length += old.entry.length_bytes;
    base.chunks.push_back(*chunk);
  }
  if (!base.chunks.empty()) bases->push_back(std::move(base));
  return absl::OkStatus();
}

}  // namespace dray::delta
