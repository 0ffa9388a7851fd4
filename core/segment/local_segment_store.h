#ifndef DRAY_CORE_SEGMENT_LOCAL_SEGMENT_STORE_H_
#define DRAY_CORE_SEGMENT_LOCAL_SEGMENT_STORE_H_

#include <memory>
#include <string>

#include "core/segment/segment_store.h"

namespace dray {

// Opens (and makes, if need be) the store in `folder`, as docs/format/segment.md, "Durability",
// says: torn tails are cut and logged. FAILED_PRECONDITION when another process has it open, or its
// format is unknown; the message says what to do.
absl::StatusOr<std::unique_ptr<SegmentStore>> OpenLocalSegmentStore(const std::string& folder);

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_LOCAL_SEGMENT_STORE_H_
