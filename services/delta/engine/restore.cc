#include <vector>

#include "services/delta/engine/changes.h"
#include "services/delta/engine/operation.h"

namespace dray::delta {
namespace {

absl::StatusOr<VersionRecord> FindNumber(CatalogView& view, const EntryRecord& entry,
                                         uint64_t number, std::string_view path) {
  DRAY_ASSIGN_OR_RETURN(auto version, view.FindVersion(entry.id, number));
  if (version) return *std::move(version);
  return NoSuchVersion(path, entry, number);
}

// Gives a deleted entry a version like the one before its deletion; nothing where that is no longer
// kept.
absl::StatusOr<std::optional<VersionRecord>> Undelete(NameWriter& writer,
                                                      const EntryRecord& entry) {
  DRAY_ASSIGN_OR_RETURN(const auto before,
                        writer.transaction().FindVersion(entry.id, entry.head.number - 1));
  if (!before) return std::nullopt;
  if (before->deleted()) {
    return absl::DataLossError("a deletion follows another; run dray-delta check");
  }
  return writer.Append(entry, *before);
}

// Undeletes what lies beneath `folder`, was deleted by `change` and is still kept; returns how many
// entries.
absl::StatusOr<uint64_t> UndeleteBeneath(NameWriter& writer, EntryId folder, ChangeId change) {
  uint64_t entries = 0;
  std::vector<EntryId> folders = {folder};
  while (!folders.empty()) {
    const EntryId current = folders.back();
    folders.pop_back();
    DRAY_RETURN_IF_ERROR(
        ForEachChild(writer.transaction(), current, [&](const EntryRecord& child) -> absl::Status {
          if (!child.head.deleted() || child.head.change != change) return absl::OkStatus();
          DRAY_ASSIGN_OR_RETURN(const auto version, Undelete(writer, child));
          if (!version) return absl::OkStatus();
          if (version->folder()) folders.push_back(child.id);
          ++entries;
          return absl::OkStatus();
        }));
  }
  return entries;
}

absl::StatusOr<ChangeResult> UndoDeletion(NameWriter& writer, std::string_view path,
                                          const EntryRecord& entry) {
  if (!entry.head.deleted()) {
    return absl::FailedPreconditionError(
        absl::StrCat(Quoted(path), " is not deleted; name the version to restore"));
  }
  ChangeResult result{.path = std::string(path), .entries = 1};
  DRAY_ASSIGN_OR_RETURN(auto version, Undelete(writer, entry));
  if (!version) {
    return absl::FailedPreconditionError(absl::StrCat(
        "what ", Quoted(path), " was before it was deleted is no longer kept (dray retention)"));
  }
  result.version = *std::move(version);
  if (result.version.folder()) {
    DRAY_ASSIGN_OR_RETURN(const uint64_t beneath,
                          UndeleteBeneath(writer, entry.id, entry.head.change));
    result.entries += beneath;
  }
  return result;
}

absl::StatusOr<ChangeResult> RestoreNumber(NameWriter& writer, std::string_view path,
                                           const EntryRecord& entry, uint64_t number) {
  DRAY_ASSIGN_OR_RETURN(const VersionRecord old,
                        FindNumber(writer.transaction(), entry, number, path));
  if (old.deleted()) {
    return absl::FailedPreconditionError(absl::StrCat("version ", number, " of ", Quoted(path),
                                                      " is a deletion; restore the one before it"));
  }
  const VersionRecord& head = entry.head;
  if (!head.deleted() && head.folder() != old.folder()) {
    return absl::FailedPreconditionError(absl::StrCat(
        Quoted(path), " is ", head.folder() ? "a folder" : "no folder", " now, and version ",
        number, " is ", old.folder() ? "one" : "none", "; move or delete it first"));
  }
  ChangeResult result{.path = std::string(path), .version = head};
  if (head.metadata == old.metadata && head.root == old.root) return result;
  result.entries = 1;
  DRAY_ASSIGN_OR_RETURN(result.version, writer.Append(entry, old));
  return result;
}

}  // namespace

absl::StatusOr<ChangeResult> RestorePath(NameWriter& writer, std::string_view path, uint64_t number,
                                         std::string_view operation_id) {
  DRAY_ASSIGN_OR_RETURN(auto recorded, FindRecordedChange(writer.transaction(), operation_id));
  if (recorded) return *std::move(recorded);
  DRAY_ASSIGN_OR_RETURN(const SplitPath split, SplitOff(path));
  DRAY_ASSIGN_OR_RETURN(const auto entry, FindAny(writer.transaction(), path));
  if (!entry) return absl::NotFoundError(absl::StrCat("there never was a ", Quoted(path)));
  DRAY_RETURN_IF_ERROR(writer.MakeFolder(split.folder).status());
  DRAY_ASSIGN_OR_RETURN(ChangeResult result, number == 0
                                                 ? UndoDeletion(writer, path, *entry)
                                                 : RestoreNumber(writer, path, *entry, number));
  return RecordChange(writer, operation_id, entry->id, std::move(result));
}

}  // namespace dray::delta
