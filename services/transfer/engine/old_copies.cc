#include "services/transfer/engine/old_copies.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/base/ids.h"
#include "core/chunking/leaf_entry.h"
#include "core/telemetry/logging.h"

namespace dray::transfer {
namespace {

using boost::asio::awaitable;

// Grows a base around the middle of what may be one, to both sides in turn.
class BaseGrower {
 public:
  explicit BaseGrower(absl::Span<const uint32_t> lengths) : lengths_(lengths) {}

  // Of the known chunks in [first, end), those around the one nearest to `middle`.
  OldRange Grow(size_t first, size_t end, size_t middle) {
    const std::optional<size_t> start = Nearest(first, end, middle);
    if (!start) return {};
    size_t from = *start;
    size_t to = from + 1;
    uint64_t bytes = lengths_[from];
    bool before = true;
    bool after = true;
    while (before || after) {
      before = before && from > first && Fits(from - 1, bytes);
      if (before) bytes += lengths_[--from];
      after = after && to < end && Fits(to, bytes);
      if (after) bytes += lengths_[to++];
    }
    return {static_cast<uint32_t>(from), static_cast<uint32_t>(to - from)};
  }

 private:
  std::optional<size_t> Nearest(size_t first, size_t end, size_t middle) const {
    std::optional<size_t> best;
    const auto distance = [middle](size_t i) { return i > middle ? i - middle : middle - i; };
    for (size_t i = first; i < end; ++i) {
      if (lengths_[i] == 0 || lengths_[i] > kMaxOldBaseBytes) continue;
      if (!best || distance(i) < distance(*best)) best = i;
    }
    return best;
  }
  bool Fits(size_t index, uint64_t bytes) const {
    return lengths_[index] > 0 && bytes + lengths_[index] <= kMaxOldBaseBytes;
  }

  const absl::Span<const uint32_t> lengths_;
};

// The base of the `index`th of `count` new chunks in a row, which stand where the old chunks
// [first, end) stood.
OldRange ChooseInGap(absl::Span<const uint32_t> lengths, size_t first, size_t end, size_t index,
                     size_t count) {
  if (first >= end) return {};
  const size_t middle = first + (end - first) * (2 * index + 1) / (2 * count);
  return BaseGrower(lengths).Grow(first, end, middle);
}

}  // namespace

std::vector<OldRange> ChooseOldBases(absl::Span<const uint32_t> old_lengths,
                                     absl::Span<const std::optional<uint32_t>> places) {
  std::vector<OldRange> bases(places.size());
  const size_t old_count = old_lengths.size();
  for (size_t gap = 0; gap < places.size();) {
    size_t gap_end = gap;
    while (gap_end < places.size() && !places[gap_end]) ++gap_end;
    const size_t first = gap > 0 ? *places[gap - 1] + size_t{1} : 0;
    const size_t end = gap_end < places.size() ? *places[gap_end] : old_count;
    for (size_t i = gap; i < gap_end; ++i) {
      OldRange& base = bases[i];
      base = ChooseInGap(old_lengths, first, end, i - gap, gap_end - gap);
      if (base.count > 0) continue;
      // Nothing is left of what was there: its neighbours may have been cut differently.
      base = ChooseInGap(old_lengths, first - (first > 0), std::min(end + 1, old_count), i - gap,
                         gap_end - gap);
      if (base.count > 0) continue;
      base = ChooseInGap(old_lengths, 0, old_count, i, places.size());
    }
    gap = gap_end + 1;
  }
  return bases;
}

absl::StatusOr<std::unique_ptr<OldCopies>> OldCopies::Make(std::vector<std::string> ids) {
  size_t all = 0;
  for (const std::string& of_item : ids) {
    const size_t count = of_item.size() / kDigestBytes;
    if (of_item.size() % kDigestBytes != 0) {
      return absl::InvalidArgumentError("old chunks are named by their ids, of 32 bytes each");
    }
    if (count > kMaxChunksOfItem) {
      return absl::InvalidArgumentError(absl::StrCat("an old copy of ", count, " chunks; at most ",
                                                     kMaxChunksOfItem, " may be named"));
    }
    all += count;
  }
  if (all > kMaxChunks) {
    return absl::InvalidArgumentError(
        absl::StrCat("old copies of ", all, " chunks; at most ", kMaxChunks, " may be named"));
  }
  return std::unique_ptr<OldCopies>(new OldCopies(std::move(ids)));
}

awaitable<void> OldCopies::Find(const Engine* engine, std::string_view connection_id) {
  lease_ = engine->operations->Begin();
  delta::v1::FindChunksRequest request;
  for (const std::string& of_item : ids_) request.mutable_chunk_ids()->append(of_item);
  const size_t asked = request.chunk_ids().size() / kDigestBytes;
  auto found = co_await engine->delta->FindChunks(std::move(request), connection_id);
  if (found.ok() && static_cast<size_t>(found->chunks_size()) != asked) {
    found = absl::InternalError("delta's answer does not fit the chunks asked for");
  }
  if (!found.ok()) spdlog::debug("old chunks cannot be looked up: {}", found.status().ToString());
  int next = 0;
  for (const std::string& of_item : ids_) {
    std::vector<delta::v1::StoredChunk>& chunks = found_.emplace_back();
    chunks.resize(of_item.size() / kDigestBytes);
    if (!found.ok()) continue;
    for (delta::v1::StoredChunk& chunk : chunks) chunk.Swap(found->mutable_chunks(next++));
  }
}

OldCopies::Plan OldCopies::PlanItem(size_t item, absl::Span<const delta::v1::StoredChunk> chunks) {
  const std::string_view ids = ids_[item];
  if (ids.empty() || chunks.empty() || chunks.size() > kMaxEntries) return {};
  absl::flat_hash_map<std::string_view, uint32_t> old_places;
  std::vector<uint32_t> lengths;
  for (const delta::v1::StoredChunk& old : found_[item]) {
    const size_t index = lengths.size();
    old_places.try_emplace(ids.substr(index * kDigestBytes, kDigestBytes), index);
    lengths.push_back(old.length());
  }
  std::vector<std::optional<uint32_t>> places;
  for (const delta::v1::StoredChunk& chunk : chunks) {
    const auto place = old_places.find(chunk.id());
    places.push_back(place == old_places.end() ? std::nullopt : std::optional(place->second));
  }
  const bool some_stay = std::any_of(places.begin(), places.end(), [](auto& p) { return !!p; });
  const bool some_known = std::any_of(lengths.begin(), lengths.end(), [](auto l) { return l > 0; });
  if (!some_stay && !some_known) return {};
  const std::vector<OldRange> bases = ChooseOldBases(lengths, places);
  Plan plan;
  for (size_t i = 0; i < chunks.size(); ++i) {
    AppendLeafEntry(chunks[i].id(), chunks[i].length(), &plan.entries);
    plan.chunks.push_back({.sent = !places[i]});
    if (places[i]) continue;
    plan.sent_bytes += chunks[i].length();
    plan.chunks.back().base = MakeBase(item, bases[i]);
  }
  return plan;
}

const OfferedBase* OldCopies::MakeBase(size_t item, const OldRange& range) {
  if (range.count == 0) return nullptr;
  // Neighbours share theirs, so that it is read once.
  if (!bases_.empty() && bases_.back().item == item && bases_.back().old_first == range.first &&
      bases_.back().old_count == range.count) {
    return &bases_.back();
  }
  delta::v1::CompareResponse::Base records;
  for (uint32_t i = range.first; i < range.first + range.count; ++i) {
    *records.add_chunks() = found_[item][i];
  }
  std::optional<ChunkBase> base = ChunkBase::FromProto(records);
  if (!base) return nullptr;
  OfferedBase& made = bases_.emplace_back();
  made.base = std::move(base);
  made.item = item;
  made.old_first = range.first;
  made.old_count = range.count;
  return &made;
}

}  // namespace dray::transfer
