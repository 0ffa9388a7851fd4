#include "services/delta/engine/operation.h"

namespace dray::delta {

absl::StatusOr<std::optional<ChangeResult>> FindRecordedChange(CatalogView& view,
                                                               std::string_view operation_id) {
  if (operation_id.empty()) return std::nullopt;
  DRAY_ASSIGN_OR_RETURN(const auto recorded, view.FindOperation(operation_id));
  if (!recorded) return std::nullopt;
  DRAY_ASSIGN_OR_RETURN(auto version, view.FindVersion(recorded->entry, recorded->number));
  if (!version) return NoLongerKept(recorded->number);
  ChangeResult result{.version = *std::move(version), .entries = recorded->entries};
  DRAY_ASSIGN_OR_RETURN(result.path, PathOf(view, recorded->entry));
  return result;
}

absl::StatusOr<ChangeResult> RecordChange(NameWriter& writer, std::string_view operation_id,
                                          EntryId entry, ChangeResult result) {
  if (!operation_id.empty()) {
    DRAY_RETURN_IF_ERROR(writer.transaction().RecordOperation(
        operation_id, {.entry = entry, .number = result.version.number, .entries = result.entries},
        writer.now_ns()));
  }
  return result;
}

}  // namespace dray::delta
