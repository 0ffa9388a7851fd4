#include "client/upload_ledger.h"

#include <algorithm>
#include <utility>

#include "core/base/bytes.h"
#include "core/chunking/leaf_edit.h"
#include "core/chunking/node.h"

namespace dray {
namespace {

constexpr size_t kMostIdsInAnOffer = 512;
// docs/format/wire.md, "Short nodes": which nodes may be named, and how a shape is told.
constexpr uint64_t kMostNamedNodes = 65'536;
constexpr uint64_t kLevelsOfShape = 16;

absl::Status Violation(absl::string_view what) {
  return absl::InternalError(absl::StrCat("the server broke the protocol: ", what));
}

// The leaf by its edit, if that is shorter than its encoding.
bool TellByEdit(const std::string& encoding, const std::string& old_short_ids,
                wire::v1::PutNode* message) {
  if (old_short_ids.empty()) return false;
  LeafEdit edit = MakeLeafEdit(encoding, old_short_ids);
  if (edit.size_bytes() >= encoding.size()) return false;
  message->mutable_edit()->mutable_runs()->Add(edit.runs.begin(), edit.runs.end());
  message->mutable_edit()->set_entries(std::move(edit.fresh));
  return true;
}

bool TellByChildren(const std::vector<uint64_t>& children, wire::v1::PutNode* message) {
  if (children.empty() || children.back() >= kMostNamedNodes) return false;
  uint64_t before = 0;
  for (const uint64_t child : children) message->add_children(child - std::exchange(before, child));
  return true;
}

}  // namespace

void UploadLedger::Offer(TreeBuilder::FinishedNode node, uint64_t offset_bytes) {
  Pending pending = {.ordinal = next_ordinal_++, .level = node.node.level};
  if (pending.level == 0) {
    pending.offset_bytes = offset_bytes;
    pending.length_bytes = node.node.length_bytes();
    unanswered_bytes_ += pending.length_bytes;
  }
  if (short_nodes_) {
    unsent_shapes_.push_back(node.node.length_bytes() * kLevelsOfShape + pending.level);
    pending.children = ClaimChildren(pending.level, pending.ordinal);
  }
  pending.encoding = std::move(node.encoding);
  unsent_offers_.append(node.id.view());
  offered_.push_back(std::move(pending));
}

std::vector<uint64_t> UploadLedger::ClaimChildren(int level, uint64_t ordinal) {
  if (without_parent_.size() <= static_cast<size_t>(level)) without_parent_.resize(level + 1);
  without_parent_[level].push_back(ordinal);
  if (level == 0) return {};
  return std::exchange(without_parent_[level - 1], {});
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
  DRAY_RETURN_IF_ERROR(TakeOlds(known));
  return saved;
}

absl::Status UploadLedger::TakeOlds(const wire::v1::PutKnown& known) {
  auto node = unknown_.begin();
  for (const wire::v1::PutOld& old : known.olds()) {
    while (node != unknown_.end() && node->ordinal < old.ordinal()) ++node;
    if (node == unknown_.end() || node->ordinal != old.ordinal() || node->level != 0 ||
        old.short_ids().size() % kShortIdBytes != 0 || !short_nodes_) {
      return Violation("old entries of what is no unknown leaf");
    }
    node->old_short_ids = old.short_ids();
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> UploadLedger::OnWanted(const wire::v1::PutWanted& wanted) {
  if (awaiting_wanted_.empty() || awaiting_wanted_.front().ordinal != wanted.ordinal()) {
    // Nodes above the leaves hold no chunks: an answer about them says nothing.
    if (wanted.ordinal() < next_ordinal_ && wanted.missing().empty()) return uint64_t{0};
    return Violation("chunks wanted of a node that was not sent");
  }
  const Pending node = std::move(awaiting_wanted_.front());
  awaiting_wanted_.pop_front();
  const auto count = (node.encoding.size() - kNodeHeadBytes) / kLeafEntryBytes;
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
  const auto* at = reinterpret_cast<const uint8_t*>(leaf.encoding.data()) + kNodeHeadBytes;
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

wire::v1::PutOffer UploadLedger::TakeOffers() {
  wire::v1::PutOffer offer;
  const size_t bytes = std::min(unsent_offers_.size(), kMostIdsInAnOffer * kDigestBytes);
  offer.set_node_ids(unsent_offers_.substr(0, bytes));
  unsent_offers_.erase(0, bytes);
  if (short_nodes_) {
    const auto end = unsent_shapes_.begin() + static_cast<ptrdiff_t>(bytes / kDigestBytes);
    offer.mutable_shapes()->Add(unsent_shapes_.begin(), end);
    unsent_shapes_.erase(unsent_shapes_.begin(), end);
  }
  return offer;
}

std::optional<wire::v1::PutNode> UploadLedger::TakeNode() {
  if (unknown_.empty()) return std::nullopt;
  wire::v1::PutNode message;
  Pending& node = unknown_.front();
  message.set_ordinal(node.ordinal);
  if (!TellByEdit(node.encoding, node.old_short_ids, &message) &&
      !TellByChildren(node.children, &message)) {
    message.set_encoding(node.encoding);
  }
  if (node.level == 0) awaiting_wanted_.push_back(std::move(node));
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
