#include "client/upload_ledger.h"

#include <algorithm>
#include <utility>

#include "core/base/bytes.h"

namespace dray {
namespace {

constexpr size_t kMostIdsInAnOffer = 512;
constexpr size_t kNodeHeaderBytes = 8;
constexpr size_t kLeafEntryBytes = kDigestBytes + 4;

absl::Status Violation(absl::string_view what) {
  return absl::InternalError(absl::StrCat("the server broke the protocol: ", what));
}

}  // namespace

void UploadLedger::Offer(TreeBuilder::FinishedNode node, uint64_t offset_bytes) {
  Pending pending = {.ordinal = next_ordinal_++, .level = node.node.level};
  if (pending.level == 0) {
    pending.offset_bytes = offset_bytes;
    pending.length_bytes = node.node.length_bytes();
    unanswered_bytes_ += pending.length_bytes;
  }
  pending.encoding = std::move(node.encoding);
  unsent_offers_.append(node.id.view());
  offered_.push_back(std::move(pending));
}

absl::StatusOr<uint64_t> UploadLedger::OnKnown(const wire::v1::PutKnown& known) {
  if (known.answered() > next_ordinal_) return Violation("an answer about a node not offered");
  uint64_t saved = 0;
  auto unknown = known.unknown().begin();
  while (!offered_.empty() && offered_.front().ordinal < known.answered()) {
    Pending node = std::move(offered_.front());
    offered_.pop_front();
    if (unknown != known.unknown().end() && *unknown == node.ordinal) {
      ++unknown;
      unknown_.push_back(std::move(node));
      continue;
    }
    unanswered_bytes_ -= node.length_bytes;
    saved += node.length_bytes;
  }
  if (unknown != known.unknown().end()) return Violation("unknown nodes out of order");
  return saved;
}

absl::StatusOr<uint64_t> UploadLedger::OnWanted(const wire::v1::PutWanted& wanted) {
  if (awaiting_wanted_.empty() || awaiting_wanted_.front().ordinal != wanted.ordinal()) {
    // Nodes above the leaves hold no chunks: an answer about them says nothing.
    if (wanted.ordinal() < next_ordinal_ && wanted.missing().empty()) return uint64_t{0};
    return Violation("chunks wanted of a node that was not sent");
  }
  const Pending node = std::move(awaiting_wanted_.front());
  awaiting_wanted_.pop_front();
  const auto count = (node.encoding.size() - kNodeHeaderBytes) / kLeafEntryBytes;
  for (int i = 0; i < wanted.missing_size(); ++i) {
    if (wanted.missing(i) >= count || (i > 0 && wanted.missing(i) <= wanted.missing(i - 1))) {
      return Violation("wanted chunks out of order");
    }
  }
  uint32_t next = 0;
  for (const wire::v1::PutBase& base : wanted.bases()) {
    const auto missing = static_cast<uint32_t>(wanted.missing_size());
    if (base.first() < next || base.first() > missing || base.count() > missing - base.first()) {
      return Violation("bases out of order");
    }
    next = base.first() + base.count();
  }
  unanswered_bytes_ -= node.length_bytes;
  return node.length_bytes - WantChunks(node, wanted);
}

uint64_t UploadLedger::WantChunks(const Pending& leaf, const wire::v1::PutWanted& wanted) {
  uint64_t bytes = 0;
  uint64_t offset = leaf.offset_bytes;
  const auto* at = reinterpret_cast<const uint8_t*>(leaf.encoding.data()) + kNodeHeaderBytes;
  uint32_t index = 0;
  for (const uint32_t missing : wanted.missing()) {
    for (; index < missing; ++index, at += kLeafEntryBytes) {
      offset += LoadBigEndian<uint32_t>(at + kDigestBytes);
    }
    const auto length = LoadBigEndian<uint32_t>(at + kDigestBytes);
    wanted_.push_back({ChunkId::Load(at), offset, length, leaf.ordinal, missing, nullptr});
    bytes += length;
  }
  wanted_bytes_ += bytes;
  const size_t begin = wanted_.size() - static_cast<size_t>(wanted.missing_size());
  for (const wire::v1::PutBase& base : wanted.bases()) {
    const auto shared = std::make_shared<const wire::v1::PutBase>(base);
    for (uint32_t i = 0; i < base.count(); ++i) wanted_[begin + base.first() + i].base = shared;
  }
  return bytes;
}

std::string UploadLedger::TakeOffers() {
  const size_t bytes = std::min(unsent_offers_.size(), kMostIdsInAnOffer * kDigestBytes);
  std::string ids = unsent_offers_.substr(0, bytes);
  unsent_offers_.erase(0, bytes);
  return ids;
}

std::optional<wire::v1::PutNode> UploadLedger::TakeNode() {
  if (unknown_.empty()) return std::nullopt;
  wire::v1::PutNode message;
  message.set_ordinal(unknown_.front().ordinal);
  message.set_encoding(unknown_.front().encoding);
  if (unknown_.front().level == 0) awaiting_wanted_.push_back(std::move(unknown_.front()));
  unknown_.pop_front();
  return message;
}

void UploadLedger::PopChunk() {
  wanted_bytes_ -= wanted_.front().length_bytes;
  wanted_.pop_front();
}

void UploadLedger::DeltaSent(WantedChunk chunk, uint64_t total_bytes) {
  chunk.base = nullptr;
  sent_deltas_.push_back({total_bytes, std::move(chunk)});
}

void UploadLedger::OnStored(uint64_t total_bytes) {
  while (!sent_deltas_.empty() && sent_deltas_.front().total_bytes <= total_bytes) {
    sent_deltas_.pop_front();
  }
}

absl::Status UploadLedger::OnAgain(const wire::v1::PutAgain& again) {
  const auto found = std::find_if(sent_deltas_.begin(), sent_deltas_.end(), [&](const auto& sent) {
    return sent.chunk.ordinal == again.ordinal() && sent.chunk.index == again.index();
  });
  if (found == sent_deltas_.end()) return Violation("a chunk again that was not sent as a delta");
  wanted_bytes_ += found->chunk.length_bytes;
  wanted_.push_back(std::move(found->chunk));
  sent_deltas_.erase(found);
  return absl::OkStatus();
}

}  // namespace dray
