#include "services/delta/engine/commit.h"

namespace dray::delta {
namespace {

absl::Status CheckKind(const CommitArguments& arguments, const EntryRecord& existing) {
  if (existing.head.deleted()) return absl::OkStatus();
  const bool folder = arguments.metadata.kind == EntryKind::kFolder;
  if (existing.head.folder() == folder) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(Quoted(arguments.path),
                   folder ? " is a file, and a folder cannot replace it"
                          : " is a folder, and a file cannot replace it",
                   "; move or delete it first"));
}

absl::StatusOr<std::optional<CommitResult>> RecordedResult(CatalogView& view,
                                                           const CommitArguments& arguments,
                                                           const EntryRecord& existing) {
  if (arguments.operation_id.empty()) return std::nullopt;
  DRAY_ASSIGN_OR_RETURN(const auto recorded,
                        view.FindOperation(arguments.operation_id, existing.id));
  if (!recorded) return std::nullopt;
  DRAY_ASSIGN_OR_RETURN(auto version, view.FindVersion(existing.id, recorded->number));
  if (!version) return NoLongerKept(recorded->number);
  return CommitResult{.version = *std::move(version), .unchanged = false};
}

}  // namespace

absl::Status CheckPrecondition(std::string_view path, const Precondition& replaces,
                               const std::optional<EntryRecord>& existing) {
  const bool live = existing && !existing->head.deleted();
  if (replaces.absent && live) {
    return absl::FailedPreconditionError(
        absl::StrCat(Quoted(path), " exists already, as version ", existing->head.number));
  }
  if (!replaces.number || (existing && existing->head.number == *replaces.number)) {
    return absl::OkStatus();
  }
  const std::string now =
      existing ? absl::StrCat("is at version ", existing->head.number, live ? "" : " (deleted)")
               : "does not exist";
  return absl::FailedPreconditionError(
      absl::StrCat(Quoted(path), " ", now, ", not at version ", *replaces.number,
                   ": somebody else changed it; look at it and try again"));
}

absl::StatusOr<CommitPlan> PlanCommit(CatalogView& view, const CommitArguments& arguments,
                                      FolderCache* folders) {
  DRAY_ASSIGN_OR_RETURN(const SplitPath split, SplitOff(arguments.path));
  DRAY_ASSIGN_OR_RETURN(const auto folder, FindFolder(view, split.folder, folders));
  CommitPlan plan;
  // In a folder that was deleted, the deleted entry goes on where it ended.
  DRAY_ASSIGN_OR_RETURN(
      plan.existing, folder ? view.FindEntry(*folder, split.name) : FindAny(view, arguments.path));
  if (plan.existing) {
    DRAY_ASSIGN_OR_RETURN(plan.answer, RecordedResult(view, arguments, *plan.existing));
    if (plan.answer) return plan;
  }
  DRAY_RETURN_IF_ERROR(CheckPrecondition(arguments.path, arguments.replaces, plan.existing));
  if (!plan.existing) return plan;
  DRAY_RETURN_IF_ERROR(CheckKind(arguments, *plan.existing));
  const VersionRecord& head = plan.existing->head;
  if (head.metadata == arguments.metadata && head.root == arguments.root) {
    plan.answer = CommitResult{.version = head, .unchanged = true};
  }
  return plan;
}

absl::StatusOr<CommitResult> CommitEntry(NameWriter& writer, const CommitArguments& arguments) {
  DRAY_ASSIGN_OR_RETURN(CommitPlan plan,
                        PlanCommit(writer.transaction(), arguments, writer.folders()));
  if (plan.answer) return *std::move(plan.answer);
  VersionRecord content;
  content.metadata = arguments.metadata;
  content.root = arguments.root;
  DRAY_ASSIGN_OR_RETURN(const SplitPath split, SplitOff(arguments.path));
  DRAY_ASSIGN_OR_RETURN(const EntryId folder, writer.MakeFolder(split.folder));
  if (plan.existing) {
    DRAY_ASSIGN_OR_RETURN(plan.existing->head, writer.Append(*plan.existing, content));
  } else {
    DRAY_ASSIGN_OR_RETURN(plan.existing, writer.Create(folder, split.name, content));
  }
  if (!arguments.operation_id.empty()) {
    DRAY_RETURN_IF_ERROR(writer.transaction().RecordOperation(
        arguments.operation_id,
        {.entry = plan.existing->id, .number = plan.existing->head.number, .entries = 1},
        writer.now_ns()));
  }
  return CommitResult{.version = plan.existing->head, .unchanged = false};
}

}  // namespace dray::delta
