#ifndef DRAY_CLI_SYNC_H_
#define DRAY_CLI_SYNC_H_

#include <string>

#include "cli/command_line.h"
#include "client/sync/sync_options.h"
#include "core/base/status.h"

namespace dray {

// What the flags ask for; INVALID_ARGUMENT where a pattern is none or a file of them cannot be
// read. Nobody is told of changes yet.
absl::StatusOr<SyncOptions> SyncOptionsOf(const CommandLine& line);

// One change as rsync's --itemize-changes shows it: what is done to what kind, what differs, and
// the name, escaped; a folder's ends with "/".
std::string ItemizedChange(const SyncReport& report);
// The same as one line of JSON.
std::string SyncChangeJson(const SyncReport& report, bool dry_run);

}  // namespace dray

#endif  // DRAY_CLI_SYNC_H_
