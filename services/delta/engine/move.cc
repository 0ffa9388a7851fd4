#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "services/delta/engine/changes.h"
#include "services/delta/engine/operation.h"

namespace dray::delta {
namespace {

bool LiesBeneath(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.substr(0, folder.size()) == folder &&
         path[folder.size()] == '/';
}

// Gives `name` in `folder` the content of `source`, and `source` a deletion.
absl::StatusOr<EntryRecord> MoveOne(NameWriter& writer, const EntryRecord& source, EntryId folder,
                                    std::string_view name, ChangeId change) {
  DRAY_ASSIGN_OR_RETURN(EntryRecord target, writer.Put(folder, name, source.head));
  DRAY_RETURN_IF_ERROR(writer.AppendDeletion(source, change).status());
  return target;
}

// Moves what is live beneath `source` to `target`, entry by entry; returns how many.
absl::StatusOr<uint64_t> MoveBeneath(NameWriter& writer, EntryId source, EntryId target,
                                     ChangeId change) {
  uint64_t entries = 0;
  std::vector<std::pair<EntryId, EntryId>> folders = {{source, target}};
  while (!folders.empty()) {
    const auto [from, to] = folders.back();
    folders.pop_back();
    const EntryId new_folder = to;
    DRAY_RETURN_IF_ERROR(
        ForEachChild(writer.transaction(), from, [&](const EntryRecord& child) -> absl::Status {
          if (child.head.deleted()) return absl::OkStatus();
          DRAY_ASSIGN_OR_RETURN(const EntryRecord moved,
                                MoveOne(writer, child, new_folder, child.name, change));
          if (child.head.folder()) folders.emplace_back(child.id, moved.id);
          ++entries;
          return absl::OkStatus();
        }));
  }
  return entries;
}

absl::Status CheckTarget(std::string_view from, std::string_view to,
                         const std::optional<EntryRecord>& target) {
  if (LiesBeneath(to, from)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(from), " cannot be moved to ", Quoted(to), ", which lies in it"));
  }
  if (target && !target->head.deleted()) {
    return absl::AlreadyExistsError(
        absl::StrCat(Quoted(to), " exists; delete it first, or choose another name"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ChangeResult> MovePath(NameWriter& writer, std::string_view from,
                                      std::string_view to, std::string_view operation_id,
                                      ChangeId change) {
  CatalogTransaction& transaction = writer.transaction();
  DRAY_ASSIGN_OR_RETURN(auto recorded, FindRecordedChange(transaction, operation_id));
  if (recorded) return *std::move(recorded);
  DRAY_RETURN_IF_ERROR(SplitOff(from).status());
  DRAY_ASSIGN_OR_RETURN(const SplitPath split, SplitOff(to));
  DRAY_ASSIGN_OR_RETURN(const EntryRecord source, FindLive(transaction, from));
  DRAY_ASSIGN_OR_RETURN(const auto target, FindAny(transaction, to));
  DRAY_RETURN_IF_ERROR(CheckTarget(from, to, target));
  DRAY_ASSIGN_OR_RETURN(const EntryId folder, writer.MakeFolder(split.folder));
  ChangeResult result{.path = std::string(to), .version = source.head, .entries = 1};
  if (!target) {
    const int64_t now_ns = std::max(writer.now_ns(), source.head.committed_ns + 1);
    DRAY_RETURN_IF_ERROR(transaction.MoveEntry(source.id, folder, split.name, now_ns));
    return RecordChange(writer, operation_id, source.id, std::move(result));
  }
  DRAY_ASSIGN_OR_RETURN(const EntryRecord moved,
                        MoveOne(writer, source, folder, split.name, change));
  DRAY_ASSIGN_OR_RETURN(const uint64_t beneath, MoveBeneath(writer, source.id, moved.id, change));
  result.version = moved.head;
  result.entries += beneath;
  return RecordChange(writer, operation_id, moved.id, std::move(result));
}

}  // namespace dray::delta
