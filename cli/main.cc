// The command `dray`: flags, a console, a client.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <variant>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "core/base/version.h"
#include "core/telemetry/logging.h"

int main(int argc, char** argv) {
  const auto parsed = dray::ParseCommandLine(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  const auto& line = std::get<dray::CommandLine>(parsed);
  dray::Console console({.json = line.json,
                         .quiet = line.quiet,
                         .out = stdout,
                         .err = stderr,
                         .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
                         .out_is_terminal = ::isatty(STDOUT_FILENO) == 1});
  if (line.log.empty()) {
    spdlog::set_level(spdlog::level::off);
  } else if (absl::Status logging =
                 dray::StartLogging({.role = "client", .folder = line.log, .console = false});
             !logging.ok()) {
    console.Error(std::string(logging.message()));
    return dray::kExitUsage;
  }
  spdlog::info("dray {} begins", dray::kVersion);
  dray::Interrupt interrupt;
  int status = dray::RunCommand(
      line, &console, [&interrupt](dray::Client* client) { interrupt.SetClient(client); });
  if (interrupt.interrupted() && status != dray::kExitDone) status = dray::kExitInterrupted;
  spdlog::info("ends with status {}", status);
  // Results that could not be written were not delivered.
  if (std::fflush(stdout) != 0 && status == dray::kExitDone) status = dray::kExitFailed;
  return status;
}
