#ifndef DRAY_CLIENT_SYNC_SYNC_H_
#define DRAY_CLIENT_SYNC_SYNC_H_

#include "client/channel.h"
#include "client/sync/sync_options.h"
#include "core/base/status.h"

namespace dray {

// Makes the target as the source is: one thread goes through both sides in step and finds out what
// is to be done, another does it while the first goes on, then comes what is deleted. What happens
// to each name is told the tracker; an error returned ended the whole operation, or is why it did
// not begin. Memory does not grow with the trees, but for the names of a single local folder.
absl::Status SyncAll(const Operation& operation, const SyncJob& job, const SyncOptions& options);

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_SYNC_H_
