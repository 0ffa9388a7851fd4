#include <vector>

#include "services/delta/engine/changes.h"
#include "services/delta/engine/operation.h"

namespace dray::delta {
namespace {

absl::StatusOr<bool> IsEmpty(CatalogView& view, EntryId folder) {
  bool empty = true;
  DRAY_RETURN_IF_ERROR(view.VisitChildren(folder, "", [&](EntryRecord child) {
    empty = child.head.deleted();
    return empty;
  }));
  return empty;
}

// Deletes all that is live beneath `folder`; returns how many entries.
absl::StatusOr<uint64_t> DeleteBeneath(NameWriter& writer, EntryId folder, ChangeId change) {
  uint64_t entries = 0;
  std::vector<EntryId> folders = {folder};
  while (!folders.empty()) {
    const EntryId current = folders.back();
    folders.pop_back();
    DRAY_RETURN_IF_ERROR(ForEachChild(writer.transaction(), current, [&](const EntryRecord& child) {
      if (child.head.deleted()) return absl::OkStatus();
      if (child.head.folder()) folders.push_back(child.id);
      ++entries;
      return writer.AppendDeletion(child, change).status();
    }));
  }
  return entries;
}

}  // namespace

absl::StatusOr<ChangeResult> DeletePath(NameWriter& writer, std::string_view path, bool recursive,
                                        std::string_view operation_id, ChangeId change,
                                        const Precondition& replaces) {
  DRAY_ASSIGN_OR_RETURN(auto recorded, FindRecordedChange(writer.transaction(), operation_id));
  if (recorded) return *std::move(recorded);
  DRAY_ASSIGN_OR_RETURN(const EntryRecord entry,
                        FindLive(writer.transaction(), path, writer.folders()));
  DRAY_RETURN_IF_ERROR(CheckPrecondition(path, replaces, entry));
  ChangeResult result{.path = std::string(path), .entries = 1};
  if (entry.head.folder()) {
    DRAY_ASSIGN_OR_RETURN(const bool empty, IsEmpty(writer.transaction(), entry.id));
    if (!empty && !recursive) {
      return absl::FailedPreconditionError(absl::StrCat(
          Quoted(path),
          " is a folder that is not empty; delete it recursively to delete all in it"));
    }
    if (empty) {
      writer.folders()->erase(result.path);
    } else {
      DRAY_ASSIGN_OR_RETURN(const uint64_t beneath, DeleteBeneath(writer, entry.id, change));
      result.entries += beneath;
      writer.folders()->clear();  // what was beneath it may be in there, too
    }
  }
  DRAY_ASSIGN_OR_RETURN(result.version, writer.AppendDeletion(entry, change));
  return RecordChange(writer, operation_id, entry.id, std::move(result));
}

}  // namespace dray::delta
