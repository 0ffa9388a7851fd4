#include "core/daemon/daemon.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <iostream>
#include <memory>
#include <set>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/file.h"
#include "core/base/version.h"
#include "core/daemon/config_file.h"

namespace dray {
namespace {

constexpr int kUsageError = 2;

constexpr char kSettings[] =
    "Settings come from flags, then the environment, then the config file: of one that is in "
    "several, the first counts.\nA name that none of them knows is an error. --log-dir in the "
    "other two: ";

std::string EnvironmentName(const std::string& prefix, const std::string& long_name) {
  return absl::StrCat(prefix, "_",
                      absl::AsciiStrToUpper(absl::StrReplaceAll(long_name, {{"-", "_"}})));
}

void NameEnvironment(CLI::App& app, const std::string& prefix) {
  for (CLI::Option* option : app.get_options()) {
    if (option == app.get_help_ptr() || option == app.get_version_ptr()) continue;
    if (option->get_lnames().empty() || !option->get_envname().empty()) continue;
    option->envname(EnvironmentName(prefix, option->get_lnames().front()));
  }
  for (CLI::App* subcommand : app.get_subcommands([](CLI::App*) { return true; })) {
    NameEnvironment(*subcommand, prefix);
  }
}

void AddNames(const CLI::App& app, std::set<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) names.insert(option->get_envname());
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    AddNames(*subcommand, names);
  }
}

// A misspelt setting would otherwise be none, silently.
void RefuseUnknownVariables(const CLI::App& app, const std::string& prefix) {
  std::set<std::string> known;
  AddNames(app, known);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string name = std::string(*variable).substr(0, std::strcspn(*variable, "="));
    if (absl::StartsWith(name, prefix + "_") && known.count(name) == 0) {
      throw CLI::ValidationError(
          absl::StrCat("environment: unknown setting ", name, ": see --help for the names"));
    }
  }
}

std::string VersionText(const CLI::App& app) {
  const std::string& name = app.get_name();
  return absl::StrCat(name.substr(name.rfind('/') + 1), " ", kVersion);
}

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

int WaitForStop() {
  const sigset_t signals = StopSignals();
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
  return signal;
}

}  // namespace

void AddDaemonFlags(CLI::App& app, DaemonFlags* flags) {
  app.set_version_flag("--version", [&app] { return VersionText(app); });
  app.set_config("--config", "", "File of `name = value` lines; flags and environment are stronger")
      ->type_name("FILE");
  app.config_formatter(std::make_shared<ConfigFile>(&app));
  flags->log.folder = "logs";
  app.add_option("--log-dir", flags->log.folder, "Folder for log files; empty: none")
      ->capture_default_str()
      ->type_name("DIR");
  app.add_flag("--log-json", flags->log.json, "Log one JSON object a line");
  app.add_option("--log-level", flags->log.level, "What to log")
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error"}));
  app.add_option("--port-file", flags->port_file,
                 "File to write the addresses to, once the service is ready")
      ->type_name("FILE");
}

std::optional<int> ParseFlags(CLI::App& app, const std::string& environment_prefix, int argc,
                              char** argv) {
  NameEnvironment(app, environment_prefix);
  ConfigFile::TakeNameFromEnvironment(app);
  app.footer(absl::StrCat(kSettings, environment_prefix, "_LOG_DIR, log-dir = ..."));
  try {
    app.parse(argc, argv);
    RefuseUnknownVariables(app, environment_prefix);
  } catch (const CLI::Error& error) {
    return app.exit(error, std::cout, std::cerr) == 0 ? 0 : kUsageError;
  }
  return std::nullopt;
}

StopSignal::StopSignal() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

std::string StopSignal::Wait() {
  const int first = WaitForStop();
  std::thread([] {
    NameThread("second-signal");
    WaitForStop();
    _exit(1);
  }).detach();
  return first == SIGINT ? "SIGINT" : "SIGTERM";
}

absl::Status WritePortFile(const std::string& file,
                           const std::vector<std::pair<std::string, std::string>>& ports) {
  if (file.empty()) return absl::OkStatus();
  std::string text;
  for (const auto& [name, address] : ports) absl::StrAppend(&text, name, "=", address, "\n");
  return WithContext(ReplaceFile(file, text), absl::StrCat("cannot write the port file ", file));
}

}  // namespace dray
