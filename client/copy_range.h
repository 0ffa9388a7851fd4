#ifndef DRAY_CLIENT_COPY_RANGE_H_
#define DRAY_CLIENT_COPY_RANGE_H_

#include <cstdint>

#include "core/base/status.h"

namespace dray {

// Copies bytes from one file to another, or within one: the kernel does it, sharing blocks where
// the file system can, else they are read and written. What cannot be read is left out: whoever
// copies has to look at what lies there afterwards. An error is one of writing.
absl::Status CopyRange(int from, uint64_t from_offset, int to, uint64_t to_offset,
                       uint64_t length_bytes);

}  // namespace dray

#endif  // DRAY_CLIENT_COPY_RANGE_H_
