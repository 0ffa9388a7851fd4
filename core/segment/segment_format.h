#ifndef DRAY_CORE_SEGMENT_SEGMENT_FORMAT_H_
#define DRAY_CORE_SEGMENT_SEGMENT_FORMAT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/ids.h"

namespace dray {

// Names and headers of segment files: docs/format/segment.md.
inline constexpr size_t kSegmentHeaderBytes = 16;

std::array<uint8_t, kSegmentHeaderBytes> SegmentHeader(SegmentId id);

// "000000000000002a.seg", or ".open" for one that is not sealed.
std::string SegmentFileName(SegmentId id, bool sealed);

struct SegmentFileNameParts {
  SegmentId id{};
  bool sealed = false;
};
// Nothing for a name that SegmentFileName does not make.
std::optional<SegmentFileNameParts> ParseSegmentFileName(std::string_view name);

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_SEGMENT_FORMAT_H_
