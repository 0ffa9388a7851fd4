#include "services/delta/engine/compare_session.h"

#include <utility>

#include "core/base/random.h"
#include "core/telemetry/logging.h"

namespace dray::delta {
namespace {

// docs/format/wire.md, "Short nodes".
constexpr uint64_t kLevelsOfShape = 16;
// Each has at most 256 entries: less than 1.2 MB in all.
constexpr size_t kMostOldsInAnAnswer = 128;

absl::Status WrongLength(const char* what, const Entry& entry, uint64_t known) {
  return absl::InvalidArgumentError(absl::StrCat("a node says that ", what, " ", entry.id.hex(),
                                                 " has ", entry.length_bytes, " bytes; it has ",
                                                 known));
}

absl::Status TooMuch(const char* what, size_t limit) {
  return absl::ResourceExhaustedError(absl::StrCat("this upload has more than ", limit, " ", what,
                                                   "; send what was asked for first"));
}

}  // namespace

// A note on order, for Offer, AddLeaf and AddInterior. Nodes and chunks leave the session only
// after the catalog has them. So a step first notes what the session knows, and then asks the
// catalog: what has left the session before the note is in the catalog by then, in a view opened
// after it. The views given to the steps are opened lazily, by their first look-up.

absl::StatusOr<CompareSession::Known> CompareSession::Offer(CatalogView& view,
                                                            std::string_view node_ids,
                                                            absl::Span<const uint64_t> shapes) {
  if (node_ids.size() % kDigestBytes != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("an offer of ", node_ids.size(), " bytes; ids have 32 bytes each"));
  }
  const size_t count = node_ids.size() / kDigestBytes;
  if (!shapes.empty() && shapes.size() != count) {
    return absl::InvalidArgumentError(
        absl::StrCat("an offer of ", count, " nodes with ", shapes.size(), " shapes"));
  }
  std::vector<bool> mine(count);
  const auto id_at = [&](size_t i) {
    return NodeId::Load(AsBytes(node_ids.substr(i * kDigestBytes)).data());
  };
  {
    absl::MutexLock lock(&mutex_);
    for (size_t i = 0; i < count; ++i) mine[i] = pending_.contains(id_at(i));
  }
  Known answer;
  for (size_t i = 0; i < count; ++i) {
    const NodeId id = id_at(i);
    const uint64_t ordinal = next_ordinal_++;
    const uint64_t offset = shaped_bytes_;
    const bool shaped_leaf = !shapes.empty() && shapes[i] % kLevelsOfShape == 0;
    if (shaped_leaf) shaped_bytes_ += shapes[i] / kLevelsOfShape;
    const LastLeaf before = last_leaf_;
    if (shaped_leaf) last_leaf_ = {.ordinal = ordinal};
    if (mine[i] || unknown_ids_.contains(id)) continue;
    DRAY_ASSIGN_OR_RETURN(const auto known, view.FindNode(id));
    // What is condemned may be gone before it is referred to, and is told again.
    if (known && !known->condemned) {
      if (known->level == 0) known_bytes_ += known->length_bytes;
      if (shaped_leaf && known->level == 0) {
        last_leaf_.known = id;
        SetKnownAfter(before.ordinal, id);
      }
      continue;
    }
    if (unknown_.size() >= limits_.unknown_nodes) {
      return TooMuch("nodes whose entries it has not told", limits_.unknown_nodes);
    }
    answer.unknown.push_back(ordinal);
    unknown_.push_back({ordinal, id, known_bytes_});
    if (shaped_leaf) unknown_.back().known_before = before.known;
    unknown_ids_.insert(id);
    if (shaped_leaf) AddOld(view, ordinal, offset, shaped_bytes_ - offset, &answer);
  }
  answer.answered = next_ordinal_;
  return answer;
}

void CompareSession::SetKnownAfter(uint64_t ordinal, const NodeId& id) {
  // Between the two lie nodes above them at most.
  for (auto at = unknown_.rbegin(); at != unknown_.rend() && at->ordinal >= ordinal; ++at) {
    if (at->ordinal == ordinal) at->known_after = id;
  }
}

void CompareSession::AddOld(CatalogView& view, uint64_t ordinal, uint64_t offset_bytes,
                            uint64_t length_bytes, Known* answer) {
  if (!finder_ || answer->olds.size() >= kMostOldsInAnAnswer) return;
  auto entries = finder_->OldEntries(view, offset_bytes, length_bytes);
  if (!entries.ok()) return StopSearching(entries.status());
  if (!entries->empty()) answer->olds.push_back({ordinal, *std::move(entries)});
}

void CompareSession::StopSearching(const absl::Status& why) {
  spdlog::warn("no bases from the old version: {}", why.ToString());
  finder_.reset();
}

absl::StatusOr<CompareSession::Missing> CompareSession::AddEntries(CatalogView& view,
                                                                   uint64_t ordinal,
                                                                   std::string_view encoding) {
  DRAY_ASSIGN_OR_RETURN(auto node, Decode(ordinal, encoding));
  Missing missing;
  if (node->node.level == 0) {
    DRAY_ASSIGN_OR_RETURN(missing.indices, AddLeaf(view, node));
    const uint64_t offset = unknown_.front().known_before_bytes + told_bytes_;
    told_bytes_ += node->node.length_bytes();
    if (finder_ && !missing.indices.empty()) {
      auto bases = FindBases(view, node->node, offset, missing.indices);
      if (bases.ok()) missing.bases = *std::move(bases);
      if (!bases.ok()) StopSearching(bases.status());
    }
    const auto& entries = node->node.entries;
    told_end_bytes_ = offset + node->node.length_bytes();
    told_last_.reset();
    const bool last_missing =
        !missing.indices.empty() && missing.indices.back() + 1 == entries.size();
    if (!entries.empty() && !last_missing) told_last_ = entries.back();
  } else {
    DRAY_RETURN_IF_ERROR(AddInterior(view, node));
  }
  unknown_ids_.erase(node->id);
  unknown_.pop_front();
  return missing;
}

absl::StatusOr<std::vector<Base>> CompareSession::FindBases(CatalogView& view, const Node& leaf,
                                                            uint64_t offset_bytes,
                                                            absl::Span<const uint32_t> missing) {
  const Unknown& told = unknown_.front();
  BaseFinder::Around around;
  if (missing.front() == 0) {
    if (told.known_before) {
      DRAY_ASSIGN_OR_RETURN(const Node before, view.ReadNode(*told.known_before));
      if (!before.entries.empty()) around.before = before.entries.back();
    } else if (told_end_bytes_ == offset_bytes) {
      around.before = told_last_;
    }
  }
  if (missing.back() + 1 == leaf.entries.size() && told.known_after) {
    DRAY_ASSIGN_OR_RETURN(const Node after, view.ReadNode(*told.known_after));
    if (!after.entries.empty()) around.after = after.entries.front();
  }
  return finder_->Find(view, leaf, offset_bytes, missing, around);
}

absl::StatusOr<std::shared_ptr<const PendingNode>> CompareSession::Decode(
    uint64_t ordinal, std::string_view encoding) const {
  if (unknown_.empty() || unknown_.front().ordinal != ordinal) {
    return absl::InvalidArgumentError(absl::StrCat(
        "entries of node ", ordinal, ", where ",
        unknown_.empty() ? "none" : absl::StrCat("those of ", unknown_.front().ordinal),
        " were expected"));
  }
  const NodeId id = IdOfNode(AsBytes(encoding));
  if (id != unknown_.front().id) {
    return absl::InvalidArgumentError(absl::StrCat("the entries of node ", ordinal, " have the id ",
                                                   id.hex(), ", not the offered ",
                                                   unknown_.front().id.hex()));
  }
  DRAY_ASSIGN_OR_RETURN(Node node, DecodeNode(AsBytes(encoding)));
  return std::make_shared<const PendingNode>(id, std::move(node), std::string(encoding));
}

absl::StatusOr<std::vector<uint32_t>> CompareSession::AddLeaf(
    CatalogView& view, std::shared_ptr<const PendingNode> leaf) {
  const std::vector<Entry>& entries = leaf->node.entries;
  std::vector<bool> asked_before(entries.size());
  {
    absl::MutexLock lock(&mutex_);
    for (size_t i = 0; i < entries.size(); ++i) {
      asked_before[i] = wanted_.contains(entries[i].chunk());
    }
  }
  std::vector<bool> stored(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    DRAY_ASSIGN_OR_RETURN(const auto known, view.FindChunk(entries[i].chunk()));
    stored[i] = known && !known->condemned;
    if (known && known->length_bytes != entries[i].length_bytes) {
      return WrongLength("chunk", entries[i], known->length_bytes);
    }
  }
  absl::MutexLock lock(&mutex_);
  DRAY_RETURN_IF_ERROR(CheckRoom(*leaf, entries.size()));
  for (const Entry& entry : entries) {
    const auto wanted = wanted_.find(entry.chunk());
    if (wanted != wanted_.end() && wanted->second.length_bytes != entry.length_bytes) {
      return WrongLength("chunk", entry, wanted->second.length_bytes);
    }
  }
  Pending pending{.node = leaf};
  std::vector<uint32_t> missing;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (stored[i]) continue;
    auto wanted = wanted_.find(entries[i].chunk());
    if (wanted == wanted_.end()) {
      if (asked_before[i]) continue;  // stored in the meantime
      wanted = wanted_.try_emplace(entries[i].chunk()).first;
      wanted->second.length_bytes = static_cast<uint32_t>(entries[i].length_bytes);
      missing.push_back(static_cast<uint32_t>(i));
    }
    wanted->second.leaves.push_back(leaf->id);
    ++pending.waits_for;
  }
  Insert(std::move(pending));
  return missing;
}

absl::Status CompareSession::AddInterior(CatalogView& view,
                                         std::shared_ptr<const PendingNode> node) {
  std::vector<std::optional<NodeFacts>> children;
  for (const Entry& entry : node->node.entries) children.push_back(FindPending(entry.node()));
  for (size_t i = 0; i < children.size(); ++i) {
    const Entry& entry = node->node.entries[i];
    std::optional<NodeFacts>& child = children[i];
    if (!child) {
      DRAY_ASSIGN_OR_RETURN(child, view.FindNode(entry.node()));
    }
    if (!child || child->level != node->node.level - 1) {
      return absl::InvalidArgumentError(absl::StrCat("a node names the child ", entry.id.hex(),
                                                     " at level ", node->node.level - 1,
                                                     ", and no such node is known"));
    }
    if (child->length_bytes != entry.length_bytes) {
      return WrongLength("node", entry, child->length_bytes);
    }
  }
  absl::MutexLock lock(&mutex_);
  DRAY_RETURN_IF_ERROR(CheckRoom(*node, 0));
  Pending pending{.node = node};
  for (const Entry& entry : node->node.entries) {
    const auto child = pending_.find(entry.node());
    if (child == pending_.end() || child->second.ready()) continue;
    child->second.parents.push_back(node->id);
    ++pending.waits_for;
  }
  Insert(std::move(pending));
  return absl::OkStatus();
}

absl::Status CompareSession::CheckRoom(const PendingNode& node, size_t more_wanted) const {
  if (pending_.size() >= limits_.pending_nodes) {
    return TooMuch("nodes that wait for chunks", limits_.pending_nodes);
  }
  if (pending_bytes_ + node.encoding.size() > limits_.pending_bytes) {
    return TooMuch("bytes of nodes that wait for chunks", limits_.pending_bytes);
  }
  if (wanted_.size() + more_wanted > limits_.wanted_chunks) {
    return TooMuch("chunks to send", limits_.wanted_chunks);
  }
  return absl::OkStatus();
}

std::optional<NodeFacts> CompareSession::FindPending(const NodeId& id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = pending_.find(id);
  if (found == pending_.end()) return std::nullopt;
  const Node& node = found->second.node->node;
  return NodeFacts{.level = node.level, .length_bytes = node.length_bytes()};
}

void CompareSession::Insert(Pending pending) {
  pending_bytes_ += pending.node->encoding.size();
  if (pending.ready()) ready_.push_back(pending.node);
  const NodeId id = pending.node->id;
  pending_.emplace(id, std::move(pending));
}

void CompareSession::ChunksStored(absl::Span<const StoredChunk> chunks) {
  absl::MutexLock lock(&mutex_);
  for (const StoredChunk& chunk : chunks) {
    const auto wanted = wanted_.find(chunk.id);
    if (wanted == wanted_.end()) continue;
    const Wanted waiting = std::move(wanted->second);
    wanted_.erase(wanted);
    for (const NodeId& leaf : waiting.leaves) StopWaiting(leaf);
  }
}

void CompareSession::StopWaiting(const NodeId& id) {
  const auto found = pending_.find(id);
  if (found == pending_.end() || found->second.ready()) return;
  if (--found->second.waits_for != 0) return;
  ready_.push_back(found->second.node);
  const std::vector<NodeId> parents = std::move(found->second.parents);
  for (const NodeId& parent : parents) StopWaiting(parent);
}

PendingNodes CompareSession::TakeReady(size_t limit) {
  absl::MutexLock lock(&mutex_);
  PendingNodes nodes;
  while (!ready_.empty() && nodes.size() < limit) {
    nodes.push_back(std::move(ready_.front()));
    ready_.pop_front();
  }
  return nodes;
}

size_t CompareSession::ready_count() const {
  absl::MutexLock lock(&mutex_);
  return ready_.size();
}

void CompareSession::NodesAdded(const PendingNodes& nodes) {
  absl::MutexLock lock(&mutex_);
  for (const auto& node : nodes) {
    const auto found = pending_.find(node->id);
    if (found == pending_.end()) continue;
    const std::vector<NodeId> parents =
        found->second.ready() ? std::vector<NodeId>() : std::move(found->second.parents);
    pending_bytes_ -= node->encoding.size();
    pending_.erase(found);
    for (const NodeId& parent : parents) StopWaiting(parent);
  }
}

void CompareSession::ReturnReady(const PendingNodes& nodes) {
  absl::MutexLock lock(&mutex_);
  ready_.insert(ready_.begin(), nodes.begin(), nodes.end());
}

PendingNodes CompareSession::NodesBeneath(const Root& root) const {
  absl::MutexLock lock(&mutex_);
  PendingNodes nodes;
  absl::flat_hash_set<NodeId> seen;
  CollectBeneath(root, &seen, &nodes);
  return nodes;
}

void CompareSession::CollectBeneath(const NodeId& id, absl::flat_hash_set<NodeId>* seen,
                                    PendingNodes* nodes) const {
  const auto found = pending_.find(id);
  if (found == pending_.end() || !seen->insert(id).second) return;
  const Node& node = found->second.node->node;
  if (node.level > 0) {
    for (const Entry& entry : node.entries) CollectBeneath(entry.node(), seen, nodes);
  }
  nodes->push_back(found->second.node);
}

std::pair<uint64_t, std::shared_ptr<CompareSession>> SessionTable::Open() {
  auto session = std::make_shared<CompareSession>(CompareSession::Limits());
  absl::MutexLock lock(&mutex_);
  while (true) {
    const uint64_t id = RandomWord();
    if (id != 0 && sessions_.try_emplace(id, session).second) return {id, session};
  }
}

std::shared_ptr<CompareSession> SessionTable::Find(uint64_t id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second;
}

void SessionTable::Close(uint64_t id) {
  absl::MutexLock lock(&mutex_);
  sessions_.erase(id);
}

}  // namespace dray::delta
