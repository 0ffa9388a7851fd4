// dray-monitor: takes what the services push, and shows it.

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "core/base/version.h"
#include "core/daemon/daemon.h"
#include "core/telemetry/grpc_log.h"
#include "services/monitor/monitor.h"

namespace {

int Fail(const absl::Status& status) {
  std::cerr << "dray-monitor: " << status.message() << std::endl;
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

int Run(const dray::DaemonFlags& flags, const dray::monitor::Monitor::Options& options) {
  dray::StopSignal stop;
  if (absl::Status status = dray::StartLogging(flags.log); !status.ok()) return Fail(status);
  dray::RouteGrpcLogs();
  auto monitor = dray::monitor::Monitor::Start(options);
  if (!monitor.ok()) return Fail(monitor.status());
  spdlog::info("dray-monitor {}: pushes to {}, pages at http://{}/", dray::kVersion,
               (*monitor)->grpc_address(), (*monitor)->http_address());
  const absl::Status told = dray::WritePortFile(
      flags.port_file,
      {{"grpc", (*monitor)->grpc_address()}, {"http", (*monitor)->http_address()}});
  if (!told.ok()) return Fail(told);
  spdlog::info("{}: stopping", stop.Wait());
  monitor->reset();
  spdlog::info("stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Receives metrics and events of Dray's services and shows them.", "dray-monitor");
  dray::DaemonFlags flags;
  dray::monitor::Monitor::Options options;
  dray::AddDaemonFlags(app, &flags);
  app.add_option("--listen", options.listen, "Where services push to (gRPC)")
      ->capture_default_str()
      ->type_name("HOST:PORT");
  app.add_option("--http", options.http, "Where /, /metrics and /api/snapshot are served")
      ->capture_default_str()
      ->type_name("HOST:PORT");
  app.add_flag("--allow-anyone", options.allow_anyone,
               "Listen off loopback though there is no authentication");
  if (const auto exit_status = dray::ParseFlags(app, "DRAY_MONITOR", argc, argv)) {
    return *exit_status;
  }
  return Run(flags, options);
}
