#include "services/transfer/flags.h"

#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "core/base/file.h"
#include "core/net/address.h"

namespace dray::transfer {
namespace {

constexpr uint16_t kListenPort = 5000;
constexpr uint16_t kAdminPort = 5050;
constexpr uint16_t kDeltaPort = 5051;
constexpr uint16_t kMonitorPort = 5052;
// Disk threads wait more than they work.
constexpr int kMinDiskThreads = 8;
constexpr size_t kMaxPasswordFileBytes = 64 * 1024;

absl::StatusOr<Address> ParseFlag(const std::string& flag, const std::string& value,
                                  uint16_t default_port) {
  auto address = ParseAddress(value, default_port);
  if (!address.ok()) return WithContext(address.status(), flag);
  return address;
}

absl::StatusOr<Address> ParseOwnAddress(const std::string& flag, const std::string& value,
                                        uint16_t default_port, bool allow_anyone) {
  DRAY_ASSIGN_OR_RETURN(const Address address, ParseFlag(flag, value, default_port));
  if (IsLoopback(address.host) || allow_anyone) return address;
  return absl::FailedPreconditionError(absl::StrCat(
      flag, " ", value,
      " is open to other machines, and anybody who reaches it may read and change every file, "
      "since nobody is asked who they are (robust and smart cannot even ask); listen on 127.0.0.1, "
      "or say --allow-anyone if that is meant"));
}

// The first line of the file.
absl::StatusOr<std::string> ReadPassword(const std::string& file) {
  auto text = ReadWholeFile(file, kMaxPasswordFileBytes);
  if (!text.ok()) return WithContext(text.status(), "--admin-password-file");
  std::string password = text->substr(0, text->find_first_of("\r\n"));
  if (password.empty() || password.find_first_of(" \t\v\f") != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("--admin-password-file ", file,
                     ": its first line must be the password, one word without blanks"));
  }
  struct stat status;
  if (stat(file.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--admin-password-file ", file, " can be read by everybody on this machine; chmod o-r it"));
  }
  return password;
}

absl::Status SetClassicOptions(const Flags& flags, Server::Options* options) {
  options->dialects = flags.dialects;
  const std::chrono::milliseconds pause(static_cast<int64_t>(flags.answer_pause_seconds * 1000));
  options->robust.stream.pause = options->smart.stream.pause = pause;
  options->smart.quiet =
      std::chrono::milliseconds(static_cast<int64_t>(flags.command_quiet_seconds * 1000));
  if (flags.admin_password_file.empty()) return absl::OkStatus();
  DRAY_ASSIGN_OR_RETURN(options->smart.admin_password, ReadPassword(flags.admin_password_file));
  return absl::OkStatus();
}

CLI::Validator Seconds() {
  return CLI::AsNumberWithUnit(std::map<std::string, double>{{"ms", 0.001}, {"s", 1}, {"m", 60}},
                               CLI::AsNumberWithUnit::CASE_SENSITIVE, "TIME");
}

}  // namespace

void AddFlags(CLI::App& app, Flags* flags) {
  app.add_option("--listen", flags->listen, "Address for clients, HOST:PORT; may be repeated")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--data", flags->data, "Folder of the stored chunks, made if need be")
      ->capture_default_str();
  app.add_option("--delta", flags->delta, "The delta service, HOST:PORT")->capture_default_str();
  app.add_option("--monitor", flags->monitor, "The monitor service to push metrics to, HOST:PORT");
  app.add_option("--admin", flags->admin, "Address of the admin service (gRPC), HOST:PORT")
      ->capture_default_str();
  app.add_flag("--allow-anyone", flags->allow_anyone,
               "Listen for other machines too, though nobody is asked who they are");
  app.add_option("--dialects", flags->dialects, "The protocols served: native, robust, smart")
      ->delimiter(',')
      ->check(CLI::IsMember({"native", "robust", "smart"}))
      ->capture_default_str();
  app.add_option(
      "--admin-password-file", flags->admin_password_file,
      "File whose first line is the password for smart's DELETE; without it, nobody may");
  app.add_option("--answer-pause", flags->answer_pause_seconds,
                 "robust and smart: between an answer that clients read alone and what follows it")
      ->transform(Seconds())
      ->check(CLI::Range(0.0, 10.0))
      ->default_str("20ms");
  app.add_option("--command-quiet", flags->command_quiet_seconds,
                 "smart: a command ends when nothing more has come for this long")
      ->transform(Seconds())
      ->check(CLI::Range(0.001, 10.0))
      ->default_str("10ms");
  app.add_option("--max-connections", flags->max_connections, "Connections at once")
      ->check(CLI::Range(size_t{1}, size_t{1'000'000}))
      ->capture_default_str();
  app.add_option("--threads", flags->threads, "Event loop threads; 0: one for each core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--drain-timeout", flags->drain_seconds,
                 "How long open requests may take to finish when the service stops")
      ->transform(Seconds())
      ->check(CLI::Range(0.0, 86'400.0))
      ->default_str("25s");
  app.add_option("--compact-every", flags->compact_every_seconds,
                 "How often room is given back that the catalog no longer needs; 0: never")
      ->transform(Seconds())
      ->check(CLI::Range(0.0, 86'400.0))
      ->default_str("1m");
  app.add_option("--rewrite-below", flags->rewrite_below,
                 "A segment is rewritten when less than this share of it is needed")
      ->check(CLI::Range(0.0, 0.95))
      ->capture_default_str();
}

absl::StatusOr<Server::Options> ToOptions(const Flags& flags) {
  Server::Options options;
  for (const std::string& listen : flags.listen) {
    DRAY_ASSIGN_OR_RETURN(Address address,
                          ParseOwnAddress("--listen", listen, kListenPort, flags.allow_anyone));
    options.listen.push_back(std::move(address));
  }
  if (options.listen.empty()) return absl::InvalidArgumentError("--listen needs an address");
  DRAY_ASSIGN_OR_RETURN(options.admin,
                        ParseOwnAddress("--admin", flags.admin, kAdminPort, flags.allow_anyone));
  DRAY_ASSIGN_OR_RETURN(const Address delta, ParseFlag("--delta", flags.delta, kDeltaPort));
  options.delta = delta.ToString();
  if (!flags.monitor.empty()) {
    DRAY_ASSIGN_OR_RETURN(const Address monitor,
                          ParseFlag("--monitor", flags.monitor, kMonitorPort));
    options.monitor = monitor.ToString();
  }
  options.data = flags.data;
  DRAY_RETURN_IF_ERROR(SetClassicOptions(flags, &options));
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  options.loops = flags.threads > 0 ? flags.threads : cores;
  options.disk_threads = std::max(kMinDiskThreads, 2 * cores);
  options.max_connections = flags.max_connections;
  options.compaction.every =
      std::chrono::milliseconds(static_cast<int64_t>(flags.compact_every_seconds * 1000));
  options.compaction.rewrite_below = flags.rewrite_below;
  return options;
}

}  // namespace dray::transfer
