#include "services/transfer/engine/offered_nodes.h"

#include <algorithm>
#include <utility>

#include "core/chunking/leaf_edit.h"
#include "core/chunking/node.h"

namespace dray::transfer {
namespace {

constexpr uint64_t kLevelsOfShape = 16;

absl::Status NotThere(uint64_t ordinal, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("node ", ordinal, " is told by ", what));
}

}  // namespace

absl::Status OfferedNodes::Offer(std::string_view ids, absl::Span<const uint64_t> shapes) {
  if (ids.size() != shapes.size() * kDigestBytes) {
    return absl::InvalidArgumentError("an offer must have a shape for each node");
  }
  const size_t count = std::min(shapes.size(), kMostNodes - nodes_.size());
  for (size_t i = 0; i < count; ++i) {
    nodes_.push_back({NodeId::Load(AsBytes(ids).data() + i * kDigestBytes),
                      shapes[i] / kLevelsOfShape, static_cast<int>(shapes[i] % kLevelsOfShape)});
  }
  return absl::OkStatus();
}

bool OfferedNodes::KeepOld(uint64_t ordinal, std::string entries) {
  const bool fits = ordinal < nodes_.size() && nodes_[ordinal].level == 0 && !entries.empty() &&
                    entries.size() % kLeafEntryBytes == 0 &&
                    old_bytes_ + entries.size() <= kMostOldBytes && !olds_.contains(ordinal);
  if (!fits) return false;
  old_bytes_ += entries.size();
  olds_.emplace(ordinal, std::move(entries));
  return true;
}

std::string OfferedNodes::TakeOld(uint64_t ordinal) {
  const auto found = olds_.find(ordinal);
  if (found == olds_.end()) return {};
  std::string entries = std::move(found->second);
  olds_.erase(found);
  old_bytes_ -= entries.size();
  return entries;
}

absl::StatusOr<std::string> OfferedNodes::Complete(wire::v1::PutNode node) {
  const uint64_t ordinal = node.ordinal();
  const std::string old_entries = TakeOld(ordinal);
  if (!node.has_edit() && node.children().empty()) return std::move(*node.mutable_encoding());
  if (ordinal >= nodes_.size()) {
    return NotThere(ordinal, "what was offered, and was itself not, or after too many others");
  }
  DRAY_ASSIGN_OR_RETURN(std::string encoding, node.has_edit()
                                                  ? FromEdit(ordinal, node.edit(), old_entries)
                                                  : FromChildren(node));
  if (IdOfNode(AsBytes(encoding)) != nodes_[ordinal].id) {
    return absl::AbortedError(absl::StrCat(
        "node ", ordinal,
        " does not come out as it was offered; put the file again, with its nodes whole"));
  }
  return encoding;
}

absl::StatusOr<std::string> OfferedNodes::FromEdit(uint64_t ordinal, const wire::v1::LeafEdit& edit,
                                                   std::string_view old_entries) const {
  if (old_entries.empty()) return NotThere(ordinal, "an edit, and has no old entries");
  const std::vector<uint32_t> runs(edit.runs().begin(), edit.runs().end());
  return ApplyLeafEdit(old_entries, runs, edit.entries());
}

absl::StatusOr<std::string> OfferedNodes::FromChildren(const wire::v1::PutNode& node) const {
  if (node.children_size() > static_cast<int>(kMaxNodeEntries)) {
    return NotThere(node.ordinal(), "more than 256 children");
  }
  Node made;
  uint64_t child = 0;
  for (const uint64_t step : node.children()) {
    child += step;
    if (step > kMostNodes || child >= nodes_.size()) {
      return NotThere(node.ordinal(), "children that were not offered, or after too many others");
    }
    made.level = nodes_[child].level + 1;
    made.entries.push_back({nodes_[child].id.As<AnyTag>(), nodes_[child].length_bytes});
  }
  if (made.level > kMaxNodeLevel) return NotThere(node.ordinal(), "children above all levels");
  return EncodeNode(made);
}

}  // namespace dray::transfer
