#ifndef DRAY_CLIENT_SYNC_TOGETHER_H_
#define DRAY_CLIENT_SYNC_TOGETHER_H_

#include <vector>

#include "absl/types/span.h"

namespace dray {

// fsync(2) of each descriptor, from several threads: a file system writes its journal once for all
// that wait for it, where one after the other each would wait for a write of its own. A file or
// folder that is there more than once is synced once; negative descriptors are passed over. Returns
// an errno for each, 0 where it went well. Thread-safe.
std::vector<int> SyncTogether(absl::Span<const int> descriptors);

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_TOGETHER_H_
