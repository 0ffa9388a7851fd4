// dray-transfer: the TCP front door that takes in, stores and sends out files' contents.
#include <sys/resource.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "core/base/version.h"
#include "core/daemon/daemon.h"
#include "services/transfer/flags.h"
#include "services/transfer/server.h"

namespace dray::transfer {
namespace {

// Descriptors besides those of connections: segments, logs, gRPC.
constexpr rlim_t kOtherDescriptors = 1'000;

// As many descriptors as the system allows; tells when that is too few.
void RaiseDescriptorLimit(size_t max_connections) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < max_connections + kOtherDescriptors) {
    spdlog::warn(
        "{} open files are allowed, fewer than {} connections need: raise `ulimit -n`, or "
        "lower --max-connections",
        limit.rlim_cur, max_connections);
  }
}

std::vector<std::pair<std::string, std::string>> Ports(const Server& server) {
  std::vector<std::pair<std::string, std::string>> ports;
  for (const std::string& address : server.listen_addresses()) {
    ports.emplace_back("listen", address);
  }
  ports.emplace_back("admin", server.admin_address());
  return ports;
}

absl::Status Serve(const Flags& flags) {
  DRAY_ASSIGN_OR_RETURN(const Server::Options options, ToOptions(flags));
  DRAY_RETURN_IF_ERROR(StartLogging(flags.daemon.log));
  StopSignal stop;
  RaiseDescriptorLimit(options.max_connections);
  DRAY_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, Server::Start(options));
  const auto ports = Ports(*server);
  DRAY_RETURN_IF_ERROR(WritePortFile(flags.daemon.port_file, ports));
  for (const auto& [name, address] : ports) {
    spdlog::info("dray-transfer {}: {} on {}", kVersion, name, address);
  }
  const std::string signal = stop.Wait();
  spdlog::info("{}: finishing what is open, for {} s at most", signal, flags.drain_seconds);
  server->Drain(std::chrono::milliseconds(static_cast<int64_t>(flags.drain_seconds * 1000)),
                signal);
  spdlog::info("stopped");
  return absl::OkStatus();
}

}  // namespace
}  // namespace dray::transfer

int main(int argc, char** argv) {
  CLI::App app(
      "dray-transfer is the TCP front door: it takes in, stores and sends out files' contents.");
  dray::transfer::Flags flags;
  dray::transfer::AddFlags(app, &flags);
  dray::AddDaemonFlags(app, &flags.daemon);
  if (const auto status = dray::ParseFlags(app, "DRAY_TRANSFER", argc, argv)) return *status;

  const absl::Status result = dray::transfer::Serve(flags);
  if (result.ok()) return 0;
  std::cerr << "dray-transfer: " << result.message() << "\n";
  return 1;
}
