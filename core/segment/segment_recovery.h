#ifndef DRAY_CORE_SEGMENT_SEGMENT_RECOVERY_H_
#define DRAY_CORE_SEGMENT_SEGMENT_RECOVERY_H_

#include <vector>

#include "core/base/status.h"
#include "core/segment/segment_store.h"
#include "core/segment/store_folder.h"

namespace dray {

// What docs/format/segment.md, "Durability", says about opening a store: seals every open segment
// of the folder at the end of its last valid record, durably, and removes those that hold none.
// Logs what it cuts and the damage it finds. Returns all segments; all are sealed.
absl::StatusOr<std::vector<SegmentInfo>> RecoverSegments(const StoreFolder& folder);

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_SEGMENT_RECOVERY_H_
