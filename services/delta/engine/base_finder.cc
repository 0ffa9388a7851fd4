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

bool Has(const Node& leaf, const ChunkId& id) {
  return std::any_of(leaf.entries.begin(), leaf.entries.end(),
                     [&](const Entry& entry) { return entry.chunk() == id; });
}

}  // namespace

absl::StatusOr<std::vector<Base>> BaseFinder::Find(CatalogView& view, const Node& leaf,
                                                   uint64_t offset_bytes,
                                                   absl::Span<const uint32_t> missing,
                                                   const Around& around) {
  DRAY_RETURN_IF_ERROR(LoadWindow(view, offset_bytes, leaf.length_bytes()));
  std::vector<Base> bases;
  uint64_t offset = offset_bytes;
  uint32_t entry = 0;
  for (uint32_t i = 0; i < missing.size();) {
    for (; entry < missing[i]; ++entry) offset += leaf.entries[entry].length_bytes;
    Run run{.first = i, .begin = offset};
    if (entry > 0) run.left = &leaf.entries[entry - 1];
    do {
      run.lengths_bytes.push_back(leaf.entries[entry].length_bytes);
      offset += leaf.entries[entry++].length_bytes;
      ++i;
    } while (i < missing.size() && missing[i] == entry);
    run.end = offset;
    if (entry < leaf.entries.size()) run.right = &leaf.entries[entry];
    const auto known = [](const Entry* inside, const std::optional<Entry>& outside) {
      return inside != nullptr || !outside ? inside : &*outside;
    };
    DRAY_ASSIGN_OR_RETURN(const Anchor anchor, AnchorOf(view, run, known(run.left, around.before),
                                                        known(run.right, around.after)));
    if (run.right == nullptr) open_end_ = run.end;
    DRAY_RETURN_IF_ERROR(AddBases(view, leaf, run, anchor, &bases));
  }
  return bases;
}

absl::StatusOr<std::vector<Entry>> BaseFinder::OldEntries(CatalogView& view, uint64_t offset_bytes,
                                                          uint64_t length_bytes) {
  const uint64_t begin = OldPlace(offset_bytes);
  const uint64_t length = std::min({length_bytes, kMaxLeafBytes, size_bytes_ - begin});
  std::vector<OldChunk> chunks;
  DRAY_RETURN_IF_ERROR(Collect(view, root_, 0, begin, begin + length, &chunks));
  std::vector<Entry> entries;
  for (const OldChunk& old : chunks) {
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
  DRAY_RETURN_IF_ERROR(
      Collect(view, root_, 0, begin - std::min(begin, kSlackBytes), end, &window_));
  for (size_t i = window_.size(); i-- > 0;) {
    const auto [at, first] = index_.try_emplace(window_[i].entry.chunk(), i);
    if (!first) window_[i].next = std::exchange(at->second, i);
  }
  return absl::OkStatus();
}

absl::Status BaseFinder::Collect(CatalogView& view, const NodeId& id, uint64_t offset,
                                 uint64_t begin, uint64_t end, std::vector<OldChunk>* chunks) {
  DRAY_ASSIGN_OR_RETURN(const Node node, view.ReadNode(id));
  for (const Entry& entry : node.entries) {
    const uint64_t next = offset + entry.length_bytes;
    if (next > begin && offset < end) {
      if (node.level == 0) {
        chunks->push_back({entry, offset});
      } else {
        DRAY_RETURN_IF_ERROR(Collect(view, entry.node(), offset, begin, end, chunks));
      }
    }
    offset = next;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<uint64_t>> BaseFinder::PlaceOf(CatalogView& view, const ChunkId& id,
                                                            uint64_t near_bytes) {
  const auto found = index_.find(id);
  if (found == index_.end()) return places_.Find(view, id, near_bytes);
  const auto distance = [&](size_t i) {
    const uint64_t begin = window_[i].begin;
    return begin < near_bytes ? near_bytes - begin : begin - near_bytes;
  };
  size_t best = found->second;
  for (size_t i = window_[best].next; i != 0; i = window_[i].next) {
    if (distance(i) < distance(best)) best = i;
  }
  return window_[best].begin;
}

absl::StatusOr<BaseFinder::Anchor> BaseFinder::AnchorOf(CatalogView& view, const Run& run,
                                                        const Entry* left, const Entry* right) {
  Anchor anchor{.begin = OldPlace(run.begin)};
  if (left != nullptr) {
    const uint64_t begin = OldPlace(run.begin - left->length_bytes);
    DRAY_ASSIGN_OR_RETURN(anchor.left, PlaceOf(view, left->chunk(), begin));
    if (anchor.left) *anchor.left += left->length_bytes;
  }
  if (right != nullptr) {
    const uint64_t begin = anchor.left ? *anchor.left + run.length_bytes() : OldPlace(run.end);
    DRAY_ASSIGN_OR_RETURN(anchor.right, PlaceOf(view, right->chunk(), begin));
  }
  bool neighbours = anchor.left && anchor.right;
  if (run.begin == 0) {
    anchor.left = 0;
    neighbours = anchor.right.has_value();
  } else if (!anchor.left && open_end_ == run.begin) {
    anchor.left = anchor.begin;
  }
  if (neighbours) {
    const uint64_t most = kMostTimesLonger * run.length_bytes();
    const uint64_t limit = run.short_enough() ? std::min(most, kMaxBaseBytes) : most;
    anchor.between = *anchor.left <= *anchor.right && *anchor.right - *anchor.left <= limit;
  }
  // What comes next lay beside the right neighbour.
  if (anchor.right) {
    shift_bytes_ = static_cast<int64_t>(*anchor.right) - static_cast<int64_t>(run.end);
  } else if (anchor.left) {
    shift_bytes_ = static_cast<int64_t>(*anchor.left) - static_cast<int64_t>(run.begin);
  }
  return anchor;
}

absl::Status BaseFinder::AddBases(CatalogView& view, const Node& leaf, const Run& run,
                                  const Anchor& anchor, std::vector<Base>* bases) const {
  const auto count = static_cast<uint32_t>(run.lengths_bytes.size());
  const auto keep = [&](uint32_t first, uint32_t taken, std::vector<StoredChunk> chunks) {
    if (!chunks.empty()) bases->push_back({run.first + first, taken, std::move(chunks)});
  };
  if (anchor.between && run.short_enough()) {
    DRAY_ASSIGN_OR_RETURN(auto chunks, Between(view, *anchor.left, *anchor.right));
    keep(0, count, Join(std::move(chunks), {}));
    return absl::OkStatus();
  }
  // What a seam begins with is the beginning of one old chunk, and the rest the end of others.
  const bool seam = anchor.right && !anchor.between;
  uint64_t after_end = ~uint64_t{0};
  uint64_t done = 0;
  for (uint32_t first = 0; first < count;) {
    uint64_t length = 0;
    uint32_t taken = 0;
    while (first + taken < count && taken < kMaxChunksOfBase &&
           (taken == 0 || length + run.lengths_bytes[first + taken] <= kMaxBaseBytes / 2)) {
      length += run.lengths_bytes[first + taken++];
    }
    std::vector<StoredChunk> after;
    if (done < after_end) {
      DRAY_ASSIGN_OR_RETURN(
          after, After(view, leaf, run, anchor, done, std::min(length, after_end - done)));
    }
    DRAY_ASSIGN_OR_RETURN(auto before, Before(view, leaf, run, anchor, done, length));
    if (seam && done == 0 && !after.empty()) {
      after.resize(1);
      after_end = after.front().length_bytes;
    }
    if (seam) {  // what the leaf has itself (zeros, mostly) is no part of it
      std::erase_if(after, [&](const StoredChunk& chunk) { return Has(leaf, chunk.id); });
      std::erase_if(before, [&](const StoredChunk& chunk) { return Has(leaf, chunk.id); });
    }
    if (after.empty() && before.empty() && !anchor.left && !anchor.right) {
      DRAY_ASSIGN_OR_RETURN(after,
                            Between(view, anchor.begin + done, anchor.begin + done + length));
    }
    keep(first, taken, Join(std::move(after), std::move(before)));
    done += length;
    first += taken;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StoredChunk>> BaseFinder::After(CatalogView& view, const Node& leaf,
                                                           const Run& run, const Anchor& anchor,
                                                           uint64_t done,
                                                           uint64_t length_bytes) const {
  if (anchor.left) {
    const uint64_t begin = *anchor.left + done;
    const uint64_t end = begin + length_bytes;
    return Between(view, begin, anchor.between ? std::min(end, *anchor.right) : end);
  }
  if (run.left == nullptr || !run.short_enough()) return std::vector<StoredChunk>();
  return CameBeside(view, leaf, *run.left, Side::kAfter, length_bytes);
}

absl::StatusOr<std::vector<StoredChunk>> BaseFinder::Before(CatalogView& view, const Node& leaf,
                                                            const Run& run, const Anchor& anchor,
                                                            uint64_t done,
                                                            uint64_t length_bytes) const {
  if (anchor.between) return std::vector<StoredChunk>();
  if (anchor.right) {
    const uint64_t left = run.length_bytes() - done;  // up to the right neighbour
    return Between(view, *anchor.right - std::min(*anchor.right, left),
                   *anchor.right - std::min(*anchor.right, left - length_bytes));
  }
  if (run.right == nullptr || !run.short_enough()) return std::vector<StoredChunk>();
  DRAY_ASSIGN_OR_RETURN(auto chunks,
                        CameBeside(view, leaf, *run.right, Side::kBefore, length_bytes));
  std::reverse(chunks.begin(), chunks.end());
  return chunks;
}

std::vector<StoredChunk> BaseFinder::Join(std::vector<StoredChunk> after,
                                          std::vector<StoredChunk> before) {
  std::erase_if(before, [&](const StoredChunk& chunk) {
    return std::any_of(after.begin(), after.end(),
                       [&](const StoredChunk& other) { return other.id == chunk.id; });
  });
  uint64_t length = 0;
  for (const StoredChunk& chunk : after) length += chunk.length_bytes;
  for (const StoredChunk& chunk : before) length += chunk.length_bytes;
  while (length > kMaxBaseBytes && after.size() > 1) {
    length -= after.back().length_bytes;
    after.pop_back();
  }
  while (length > kMaxBaseBytes && !before.empty()) {
    length -= before.front().length_bytes;
    before.erase(before.begin());
  }
  after.insert(after.end(), before.begin(), before.end());
  return after;
}

absl::StatusOr<std::vector<StoredChunk>> BaseFinder::Between(CatalogView& view, uint64_t begin,
                                                             uint64_t end) const {
  std::vector<OldChunk> found;
  const bool inside =
      !window_.empty() && window_.front().begin <= begin && end <= window_.back().end();
  if (!inside) DRAY_RETURN_IF_ERROR(Collect(view, root_, 0, begin, end, &found));
  std::vector<StoredChunk> chunks;
  for (const OldChunk& old : inside ? window_ : found) {
    const uint64_t from = std::max(begin, old.begin);
    const uint64_t to = std::min(end, old.end());
    if (to <= from) continue;
    if (to - from < std::min(kLeastOverlapBytes, old.entry.length_bytes)) continue;
    DRAY_ASSIGN_OR_RETURN(const auto chunk, view.FindChunk(old.entry.chunk()));
    if (!chunk) break;
    chunks.push_back(*chunk);
  }
  return chunks;
}

absl::StatusOr<std::vector<StoredChunk>> BaseFinder::CameBeside(CatalogView& view, const Node& leaf,
                                                                const Entry& known, Side side,
                                                                uint64_t length_bytes) {
  length_bytes = std::min(length_bytes, kMaxBaseBytes / 2);
  std::vector<StoredChunk> chunks;
  ChunkId at = known.chunk();
  for (uint64_t length = 0; length + kLeastOverlapBytes < length_bytes || chunks.empty();) {
    DRAY_ASSIGN_OR_RETURN(
        const auto next, side == Side::kAfter ? view.FindChunkAfter(at) : view.FindChunkBefore(at));
    if (!next || length + next->length_bytes > kMaxBaseBytes / 2) break;
    if (Has(leaf, next->id)) break;
    length += next->length_bytes;
    at = next->id;
    chunks.push_back(*next);
  }
  return chunks;
}

}  // namespace dray::delta
