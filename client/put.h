#ifndef DRAY_CLIENT_PUT_H_
#define DRAY_CLIENT_PUT_H_

#include <string>

#include "absl/types/span.h"
#include "client/channel.h"
#include "client/jobs.h"
#include "core/base/status.h"

namespace dray {

// Puts files, links and whole folders: the calling thread scans, others read, hash and send, each
// over a connection of its own. What happens to each entry is told the tracker; an error returned
// ended the whole operation.
absl::Status PutAll(const Operation& operation, absl::Span<const PutJob> jobs,
                    const PutOptions& options);

}  // namespace dray

#endif  // DRAY_CLIENT_PUT_H_
