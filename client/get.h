#ifndef DRAY_CLIENT_GET_H_
#define DRAY_CLIENT_GET_H_

#include "absl/types/span.h"
#include "client/channel.h"
#include "client/jobs.h"
#include "core/base/status.h"

namespace dray {

// Gets files, links and whole folders. What happens to each entry is told the tracker; an error
// returned ended the whole operation. Everything is written beneath the target of its job, whatever
// names the server tells; links are made last, then modes and times of folders are set, deepest
// first.
absl::Status GetAll(const Operation& operation, absl::Span<const GetJob> jobs,
                    const GetOptions& options);

}  // namespace dray

#endif  // DRAY_CLIENT_GET_H_
