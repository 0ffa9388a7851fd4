#ifndef DRAY_CORE_SEGMENT_SEGMENT_SCANNER_H_
#define DRAY_CORE_SEGMENT_SEGMENT_SCANNER_H_

#include <cstdint>
#include <functional>

#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/segment/segment_store.h"

namespace dray {

// Walks the first `size_bytes` of the segment in `fd`, in order: what is a record with a right
// checksum goes to `on_record`, every range between to `on_damage`, a wrong header and bytes
// missing at the end too. Returns where the last record ends, 0 if there is none. Memory: about 1
// MiB. Fails only when the file cannot be read.
absl::StatusOr<uint64_t> ScanSegment(int fd, SegmentId id, uint64_t size_bytes,
                                     const std::function<void(const ScannedRecord&)>& on_record,
                                     const std::function<void(const DamagedRange&)>& on_damage);

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_SEGMENT_SCANNER_H_
