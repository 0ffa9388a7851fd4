#include "core/daemon/daemon.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/file.h"
#include "core/base/version.h"
#include "core/daemon/config_file.h"

namespace dray {
namespace {

constexpr int kUsageError = 2;

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

// CLI11 reads the config file before the environment, so it does not look for the file's own name
// there.
void TakeConfigFileFromEnvironment(CLI::App& app) {
  CLI::Option* config = app.get_config_ptr();
  if (config == nullptr) return;
  const char* file = std::getenv(config->get_envname().c_str());
  if (file == nullptr || *file == '\0') return;
  config->default_str(file);
  config->required();
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
  TakeConfigFileFromEnvironment(app);
  try {
    app.parse(argc, argv);
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
