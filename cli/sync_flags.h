#ifndef DRAY_CLI_SYNC_FLAGS_H_
#define DRAY_CLI_SYNC_FLAGS_H_

#include <CLI/CLI.hpp>

#include "cli/command_line.h"

namespace dray {

// The flags of `dray sync`, and its help. `line` outlives `sync`.
void AddSyncFlags(CLI::App* sync, CommandLine* line);

}  // namespace dray

#endif  // DRAY_CLI_SYNC_FLAGS_H_
