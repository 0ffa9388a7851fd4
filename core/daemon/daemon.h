#ifndef DRAY_CORE_DAEMON_DAEMON_H_
#define DRAY_CORE_DAEMON_DAEMON_H_

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/telemetry/logging.h"

// What the main() of every service does alike: flags, signals, telling its ports.
namespace dray {

struct DaemonFlags {
  LogOptions log;         // --log-dir (default "logs"), --log-json, --log-level
  std::string port_file;  // --port-file
};

// Adds --version, --config FILE, --log-dir, --log-json, --log-level and --port-file to a service's
// flags. The config file holds `name = value` lines, the names being those of long flags; the value
// is the rest of the line, as it is; a name repeated adds a value to a flag that takes several;
// empty lines and lines that begin with '#' are skipped; a name that is no flag is an error.
void AddDaemonFlags(CLI::App& app, DaemonFlags* flags);

// Parses the command line, after giving each option (of subcommands as well) its environment
// variable: --log-dir is DRAY_TRANSFER_LOG_DIR for the prefix "DRAY_TRANSFER". Flags are stronger
// than the environment, and that is stronger than the config file, and --help says so; an empty
// variable counts as none, and one of that prefix that belongs to no option is an error. An option
// of several values takes them from its variable when it has a delimiter:
// app.add_option("--listen", ...)->delimiter(','). Returns nothing when the program is to go on,
// else its exit status (0 after --help, 2 for a usage error, which is told on standard error).
std::optional<int> ParseFlags(CLI::App& app, const std::string& environment_prefix, int argc,
                              char** argv);

// Waits for SIGTERM or SIGINT. REQUIRES: made before any thread starts but StartLogging's, since it
// blocks both for all threads made later. SIGPIPE is ignored from then on: a peer that went away is
// an error of its socket.
class StopSignal {
 public:
  StopSignal();
  // Returns the first signal's name. From then on a second one ends the process at once (status 1).
  std::string Wait();
};

// Writes "name=host:port" lines (--port-file), whole or not at all: it tells scripts that the
// service is ready, and where. No-op for an empty file name.
absl::Status WritePortFile(const std::string& file,
                           const std::vector<std::pair<std::string, std::string>>& ports);

}  // namespace dray

#endif  // DRAY_CORE_DAEMON_DAEMON_H_
