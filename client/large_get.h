#ifndef DRAY_CLIENT_LARGE_GET_H_
#define DRAY_CLIENT_LARGE_GET_H_

#include "absl/time/time.h"
#include "client/channel.h"
#include "client/incoming_file.h"
#include "client/jobs.h"
#include "core/base/status.h"

namespace dray {

// Gets one file of any size: what is there already, at its target, left by an interrupted get or
// beside it in files like it, is hashed, and only what it lacks is asked for, as differences to
// what is there. Files written since `begun` are no source. Reports the file to the tracker; an
// error returned means that the server cannot be reached, or that the operation was cancelled.
// REQUIRES: CheckVersion was OK.
absl::Status GetLarge(const Operation& operation, Channel* channel, const RemoteFile& file,
                      const GetOptions& options, absl::Time begun);

}  // namespace dray

#endif  // DRAY_CLIENT_LARGE_GET_H_
