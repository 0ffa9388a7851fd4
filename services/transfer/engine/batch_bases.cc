#include "services/transfer/engine/batch_bases.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/telemetry/logging.h"

namespace dray::transfer {

absl::Status BatchBases::Take(size_t item, const delta::v1::CommitBatchResponse::Answer& answer) {
  const auto count = static_cast<uint32_t>(answer.missing_size());
  const size_t chunks = batch_.items[item].chunks.size();
  uint32_t next = 0;
  for (const auto& proto : answer.bases()) {
    if (proto.first() < next || proto.count() == 0 || proto.first() > count ||
        proto.count() > count - proto.first()) {
      return absl::InternalError("delta's bases do not fit the chunks that it lacks");
    }
    next = proto.first() + proto.count();
    std::optional<ChunkBase> base = ChunkBase::FromProto(proto);
    if (!base) continue;
    ItemBase taken{item, proto.first(), {}, std::make_shared<ChunkBase>(*std::move(base))};
    for (uint32_t i = proto.first(); i < next; ++i) {
      const uint32_t index = answer.missing(static_cast<int>(i));
      if (index >= chunks) return absl::InternalError("delta lacks chunks that a file has not");
      taken.indices.push_back(index);
    }
    bases_.push_back(std::move(taken));
  }
  return absl::OkStatus();
}

std::vector<Slice> BatchBases::Rebuild() const {
  std::vector<Slice> made;
  absl::flat_hash_set<ChunkId> there;
  for (const ItemBase& base : bases_) {
    const Batch::Item& item = batch_.items[base.item];
    for (const uint32_t index : base.indices) {
      const auto by_index = [](const Batch::Delta& delta, uint32_t i) { return delta.index < i; };
      const auto delta = std::lower_bound(item.deltas.begin(), item.deltas.end(), index, by_index);
      if (delta == item.deltas.end() || delta->index != index) continue;
      const Batch::Chunk& chunk = item.chunks[index];
      if (there.contains(chunk.id)) continue;
      const absl::StatusOr<std::optional<Slice>> frame =
          RebuildChunk(store_, {chunk.id, chunk.length_bytes, base.base}, AsBytes(delta->delta),
                       delta->raw_bytes);
      // Made for another base, perhaps: the version before changed meanwhile.
      if (!frame.ok()) spdlog::debug("a delta makes nothing: {}", frame.status().ToString());
      if (!frame.ok() || !frame->has_value()) continue;
      there.insert(chunk.id);
      made.push_back(**frame);
    }
  }
  return made;
}

size_t BatchBases::WantedBytes(const ItemBase& base) const {
  size_t bytes = 0;
  for (const uint32_t index : base.indices) {
    bytes += batch_.items[base.item].chunks[index].length_bytes;
  }
  return bytes;
}

void BatchBases::Sign(absl::Span<BatchAnswer> answers) const {
  size_t total = 0;
  for (const ItemBase& base : bases_) {
    if (!batch_.items[base.item].deltas.empty()) continue;
    const size_t most =
        std::min(MostSignatureBytes(*base.base, WantedBytes(base)), kMaxSignaturesBytes - total);
    absl::StatusOr<std::optional<Signature>> signature = SignBase(store_, *base.base, most);
    if (!signature.ok()) {
      spdlog::warn("a base cannot be signed: {}", signature.status().ToString());
      continue;
    }
    if (!signature->has_value()) continue;
    total += (*signature)->hashes.size();
    answers[base.item].bases.push_back(
        {base.first, static_cast<uint32_t>(base.indices.size()), std::move(**signature)});
  }
}

}  // namespace dray::transfer
