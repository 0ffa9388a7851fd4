#ifndef DRAY_SERVICES_DELTA_ENGINE_OPERATION_H_
#define DRAY_SERVICES_DELTA_ENGINE_OPERATION_H_

#include <optional>
#include <string_view>

#include "services/delta/engine/changes.h"

namespace dray::delta {

// What was done under an operation id before; nothing for an empty or an unknown one.
absl::StatusOr<std::optional<ChangeResult>> FindRecordedChange(CatalogView& view,
                                                               std::string_view operation_id);

// Remembers `result`, which is about `entry`, unless the id is empty; returns it.
absl::StatusOr<ChangeResult> RecordChange(NameWriter& writer, std::string_view operation_id,
                                          EntryId entry, ChangeResult result);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_OPERATION_H_
