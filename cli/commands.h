#ifndef DRAY_CLI_COMMANDS_H_
#define DRAY_CLI_COMMANDS_H_

#include <functional>

#include "cli/command_line.h"
#include "cli/console.h"
#include "client/dray.h"

namespace dray {

// Carries out what the command line asks for and returns the exit status. `on_client` is told the
// client as soon as there is one, for as long as the call lasts, so that a signal can cancel it.
int RunCommand(const CommandLine& line, Console* console,
               const std::function<void(Client*)>& on_client);

}  // namespace dray

#endif  // DRAY_CLI_COMMANDS_H_
