#include "services/delta/engine/batch.h"

#include <algorithm>
#include <utility>

#include "core/telemetry/logging.h"
#include "services/delta/engine/base_finder.h"
#include "services/delta/engine/changes.h"
#include "services/delta/engine/convert.h"
#include "services/delta/engine/operation.h"
#include "services/delta/engine/upload.h"

namespace dray::delta {
namespace {

// Of bases, in one answer: what may be told of them stays short.
constexpr size_t kMaxBaseChunks = 4096;
// A version before that is longer is searched for none: a batch's items are small, and looking
// through a list of terabytes for each takes long.
constexpr uint64_t kMaxBeforeBytes = 64u << 20;

// Errors that are about one item; others are about the catalog, and so about all.
bool IsAboutItem(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return true;
    default:
      return false;
  }
}

}  // namespace

absl::Status Batch::Check(CatalogView& view) {
  DRAY_RETURN_IF_ERROR(CheckAuthor(request_.author()));
  DRAY_RETURN_IF_ERROR(TakeChunks());
  for (int i = 0; i < request_.items_size(); ++i) response_.add_answers();
  for (int i = 0; i < request_.items_size(); ++i) {
    absl::StatusOr<Item> item = TakeItem(i);
    const absl::Status status = item.ok() ? CheckItem(view, *std::move(item)) : item.status();
    if (status.ok()) continue;
    if (!IsAboutItem(status)) return status;
    SetError(i, status);
  }
  return absl::OkStatus();
}

absl::Status Batch::TakeChunks() {
  for (const v1::StoredChunk& chunk : request_.chunks()) {
    DRAY_ASSIGN_OR_RETURN(const StoredChunk stored, ChunkFromProto(chunk));
    chunks_.emplace(stored.id, stored);
  }
  return absl::OkStatus();
}

absl::StatusOr<Batch::Item> Batch::TakeItem(int index) const {
  const v1::CommitBatchRequest::Item& message = request_.items(index);
  if (message.metadata().kind() == wire::v1::DELETED) return TakeDeletion(index, message);
  Item item{.index = index};
  DRAY_ASSIGN_OR_RETURN(item.arguments,
                        CommitFromProto(message.path(), message.metadata(), message.operation_id(),
                                        message.replaces()));
  const bool file = item.arguments.metadata.kind == EntryKind::kFile;
  if (file == message.nodes().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(message.path()),
                     file ? " is a file and comes without nodes" : " is no file and has nodes"));
  }
  if (!file) return item;
  DRAY_ASSIGN_OR_RETURN(item.nodes, DecodeNodes(message));
  const PendingNode& root = *item.nodes.back();
  if (root.node.length_bytes() != item.arguments.metadata.size) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(message.path()), " is said to have ", item.arguments.metadata.size,
                     " bytes; its tree has ", root.node.length_bytes()));
  }
  item.arguments.root = root.id;
  return item;
}

absl::StatusOr<Batch::Item> Batch::TakeDeletion(int index,
                                                const v1::CommitBatchRequest::Item& message) {
  Item item{.index = index};
  DRAY_ASSIGN_OR_RETURN(
      item.arguments, DeletionFromProto(message.path(), message.metadata(), message.operation_id(),
                                        message.replaces()));
  if (message.nodes().empty()) return item;
  return absl::InvalidArgumentError(
      absl::StrCat(Quoted(message.path()), " is to be deleted and has nodes"));
}

absl::StatusOr<PendingNodes> Batch::DecodeNodes(const v1::CommitBatchRequest::Item& item) const {
  PendingNodes nodes;
  for (const std::string& encoding : item.nodes()) {
    absl::StatusOr<Node> node = DecodeNode(AsBytes(encoding));
    if (!node.ok()) return WithContext(node.status(), Quoted(item.path()));
    nodes.push_back(std::make_shared<const PendingNode>(IdOfNode(AsBytes(encoding)),
                                                        *std::move(node), encoding));
  }
  return nodes;
}

absl::Status Batch::CheckItem(CatalogView& view, Item item) {
  if (item.deletes()) return CheckDeletion(view, std::move(item));
  // What comes after an item of the same path is judged after it, in the transaction; what comes
  // after a deletion as well, which may have made room for it.
  std::optional<EntryRecord> existing;
  if (!deletions_to_apply_ && !paths_to_apply_.contains(item.arguments.path)) {
    DRAY_ASSIGN_OR_RETURN(CommitPlan plan, PlanCommit(view, item.arguments, &folders_));
    DRAY_ASSIGN_OR_RETURN(const bool settled, IsSettled(view, plan, item));
    if (settled) {
      SetCommitted(item.index, *plan.answer);
      return absl::OkStatus();
    }
    existing = std::move(plan.existing);
  }
  DRAY_ASSIGN_OR_RETURN(const std::vector<NewChunk> chunks, NewChunks(view, item));
  const auto missing = [](const NewChunk& chunk) { return !chunk.told; };
  if (std::any_of(chunks.begin(), chunks.end(), missing)) {
    return TellMissing(view, item, existing, chunks);
  }
  LeaveToApply(std::move(item));
  return absl::OkStatus();
}

absl::Status Batch::CheckDeletion(CatalogView& view, Item item) {
  const CommitArguments& arguments = item.arguments;
  // Only what is put before it can bring what is not there.
  if (!puts_to_apply_) {
    const absl::Status there = FindLive(view, arguments.path, &folders_).status();
    if (absl::IsNotFound(there)) {
      DRAY_ASSIGN_OR_RETURN(const auto recorded, FindRecordedChange(view, arguments.operation_id));
      if (!recorded) return there;
      SetCommitted(item.index, {.version = recorded->version});
      return absl::OkStatus();
    }
    DRAY_RETURN_IF_ERROR(there);
  }
  LeaveToApply(std::move(item));
  return absl::OkStatus();
}

void Batch::LeaveToApply(Item item) {
  (item.deletes() ? deletions_to_apply_ : puts_to_apply_) = true;
  paths_to_apply_.insert(item.arguments.path);
  to_apply_.push_back(std::move(item));
}

absl::StatusOr<bool> Batch::IsSettled(CatalogView& view, const CommitPlan& plan, const Item& item) {
  if (!plan.answer || !item.arguments.root) return plan.answer.has_value();
  // After a rebuild a version may be there whose tree is lost, and now comes again.
  DRAY_ASSIGN_OR_RETURN(const auto known, view.FindNode(*item.arguments.root));
  return known.has_value();
}

absl::StatusOr<std::vector<Batch::NewChunk>> Batch::NewChunks(CatalogView& view,
                                                              const Item& item) const {
  std::vector<NewChunk> chunks;
  uint32_t index = 0;
  for (const auto& pending : item.nodes) {
    if (pending->node.level != 0) continue;
    for (const Entry& entry : pending->node.entries) {
      const bool told = chunks_.contains(entry.chunk());
      DRAY_ASSIGN_OR_RETURN(const bool has, HasChunk(view, entry));
      if (told || !has) chunks.push_back({index, told});
      ++index;
    }
  }
  return chunks;
}

absl::Status Batch::TellMissing(CatalogView& view, const Item& item,
                                const std::optional<EntryRecord>& existing,
                                absl::Span<const NewChunk> chunks) {
  auto* const answer = response_.mutable_answers(item.index);
  for (const NewChunk& chunk : chunks) {
    if (!chunk.told) answer->add_missing(chunk.index);
  }
  if (!request_.bases() || !existing || !existing->head.root || base_chunks_ >= kMaxBaseChunks) {
    return absl::OkStatus();
  }
  const uint64_t size = existing->head.metadata.size;
  if (size == 0 || size > kMaxBeforeBytes) return absl::OkStatus();
  const absl::Status added = AddBases(view, item, existing->head, chunks);
  if (added.ok() || absl::IsUnavailable(added)) return added;
  spdlog::warn("{} is put without bases: {}", Quoted(item.arguments.path), added.ToString());
  answer->clear_bases();
  return absl::OkStatus();
}

absl::Status Batch::AddBases(CatalogView& view, const Item& item, const VersionRecord& before,
                             absl::Span<const NewChunk> chunks) {
  BaseFinder finder(*before.root, before.metadata.size);
  uint64_t offset = 0;
  uint32_t begin = 0;  // of the leaf's entries, among the item's
  size_t first = 0;    // of the leaf's new chunks, among the item's
  for (const auto& pending : item.nodes) {
    const Node& leaf = pending->node;
    if (leaf.level != 0) continue;
    const auto end = begin + static_cast<uint32_t>(leaf.entries.size());
    std::vector<uint32_t> of_leaf;
    for (size_t i = first; i < chunks.size() && chunks[i].index < end; ++i) {
      of_leaf.push_back(chunks[i].index - begin);
    }
    if (!of_leaf.empty()) {
      DRAY_ASSIGN_OR_RETURN(std::vector<Base> bases, finder.Find(view, leaf, offset, of_leaf, {}));
      for (Base& base : bases) {
        // Of the new chunks, those that are missing.
        const auto missing = [&](size_t from, size_t count) {
          const auto at = chunks.begin() + static_cast<ptrdiff_t>(from);
          return static_cast<uint32_t>(
              std::count_if(at, at + static_cast<ptrdiff_t>(count),
                            [](const NewChunk& chunk) { return !chunk.told; }));
        };
        base.count = missing(first + base.first, base.count);
        base.first = missing(0, first + base.first);
        if (base.count == 0) continue;
        base_chunks_ += base.chunks.size();
        BaseToProto(base, response_.mutable_answers(item.index)->add_bases());
      }
    }
    begin = end;
    first += of_leaf.size();
    offset += leaf.length_bytes();
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Batch::HasChunk(CatalogView& view, const Entry& entry) const {
  uint64_t length = 0;
  if (const auto told = chunks_.find(entry.chunk()); told != chunks_.end()) {
    length = told->second.length_bytes;
  } else {
    DRAY_ASSIGN_OR_RETURN(const auto known, view.FindChunk(entry.chunk()));
    if (!known || known->condemned) return false;
    length = known->length_bytes;
  }
  if (length == entry.length_bytes) return true;
  return absl::InvalidArgumentError(
      absl::StrCat("chunk ", entry.id.hex(), " has ", length, " bytes, not ", entry.length_bytes));
}

absl::Status Batch::Apply(CatalogTransaction& transaction, int64_t now_ns, ChangeId change) {
  change_ = change;
  for (const auto& [id, chunk] : chunks_) DRAY_RETURN_IF_ERROR(transaction.AddChunk(chunk));
  // Check() has found what is wrong with items, so almost always all of them work: no need to be
  // able to undo each by itself.
  const absl::Status together =
      transaction.Nested([&] { return ApplyTogether(transaction, now_ns); });
  if (together.ok() || !IsAboutItem(together)) return together;
  return ApplyOneByOne(transaction, now_ns);
}

absl::Status Batch::ApplyTogether(CatalogTransaction& transaction, int64_t now_ns) {
  NameWriter writer(transaction, now_ns, request_.author());
  for (const Item& item : to_apply_) DRAY_RETURN_IF_ERROR(ApplyItem(writer, item));
  versions_made_ = writer.versions_made();
  return absl::OkStatus();
}

absl::Status Batch::ApplyOneByOne(CatalogTransaction& transaction, int64_t now_ns) {
  NameWriter writer(transaction, now_ns, request_.author());
  versions_made_ = 0;
  for (const Item& item : to_apply_) {
    const uint64_t made_before = writer.versions_made();
    const absl::Status status = transaction.Nested([&] { return ApplyItem(writer, item); });
    if (status.ok()) {
      versions_made_ += writer.versions_made() - made_before;
      continue;
    }
    if (!IsAboutItem(status)) return status;
    writer.folders()->clear();  // what was made for the item is gone
    SetError(item.index, status);
  }
  return absl::OkStatus();
}

absl::Status Batch::ApplyItem(NameWriter& writer, const Item& item) {
  if (item.deletes()) return ApplyDeletion(writer, item);
  DRAY_RETURN_IF_ERROR(AddNodes(writer.transaction(), item.nodes));
  DRAY_ASSIGN_OR_RETURN(const CommitResult result, CommitEntry(writer, item.arguments));
  SetCommitted(item.index, result);
  return absl::OkStatus();
}

absl::Status Batch::ApplyDeletion(NameWriter& writer, const Item& item) {
  const CommitArguments& arguments = item.arguments;
  DRAY_ASSIGN_OR_RETURN(const ChangeResult result,
                        DeletePath(writer, arguments.path, /*recursive=*/false,
                                   arguments.operation_id, change_, arguments.replaces));
  SetCommitted(item.index, {.version = result.version});
  return absl::OkStatus();
}

void Batch::SetError(int index, const absl::Status& status) {
  auto* answer = response_.mutable_answers(index);
  answer->Clear();
  answer->set_code(static_cast<int>(status.code()));
  answer->set_message(std::string(status.message()));
}

void Batch::SetCommitted(int index, const CommitResult& result) {
  auto* answer = response_.mutable_answers(index);
  answer->set_version(result.version.number);
  answer->set_unchanged(result.unchanged);
}

}  // namespace dray::delta
