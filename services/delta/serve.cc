#include "services/delta/serve.h"

#include <memory>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/version.h"
#include "core/net/address.h"
#include "core/telemetry/disk_metrics.h"
#include "core/telemetry/grpc_log.h"
#include "core/telemetry/monitor_pusher.h"
#include "core/telemetry/process_metrics.h"
#include "services/delta/catalog/open_catalog.h"
#include "services/delta/engine/delta_metrics.h"
#include "services/delta/engine/server.h"

namespace dray::delta {
namespace {

constexpr uint16_t kDefaultPort = 5051;
constexpr absl::Duration kDrainTime = absl::Seconds(10);
constexpr absl::Duration kCountPeriod = absl::Seconds(5);

absl::StatusOr<Address> ListenAddress(const ServeFlags& flags) {
  auto address = ParseAddress(flags.listen, kDefaultPort);
  if (!address.ok()) return WithContext(address.status(), "--listen");
  if (!IsLoopback(address->host) && !flags.allow_anyone) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--listen ", flags.listen,
        " is open to other machines, and anybody who reaches it may read and "
        "change the catalog; listen on 127.0.0.1, or say --allow-anyone if that is meant"));
  }
  return address;
}

std::unique_ptr<MonitorPusher> MakePusher(const ServeFlags& flags,
                                          std::shared_ptr<prometheus::Registry> registry,
                                          DeltaMetrics* metrics, Catalog* catalog) {
  MonitorPusher::Options options{.address = flags.monitor, .service = "delta"};
  options.fill = [metrics, catalog,
                  next = absl::InfinitePast()](monitor::v1::PushRequest*) mutable {
    if (SteadyNow() < next) return;
    next = SteadyNow() + kCountPeriod;
    metrics->SetCounts(catalog->Counts());
  };
  std::vector<std::shared_ptr<prometheus::Collectable>> sources = {
      std::move(registry), std::make_shared<ProcessMetrics>()};
  if (const auto file = CatalogFile(flags.catalog); file.ok()) {
    sources.push_back(std::make_shared<DiskMetrics>(*file));
  }
  return std::make_unique<MonitorPusher>(std::move(options), std::move(sources));
}

}  // namespace

absl::Status Serve(const ServeFlags& flags) {
  DRAY_ASSIGN_OR_RETURN(Address address, ListenAddress(flags));
  DRAY_RETURN_IF_ERROR(StartLogging(flags.daemon.log));
  RouteGrpcLogs();
  StopSignal stop;
  auto registry = std::make_shared<prometheus::Registry>();
  DeltaMetrics metrics(*registry);
  DRAY_ASSIGN_OR_RETURN(auto catalog,
                        OpenCatalog(flags.catalog, [&](size_t operations, double seconds) {
                          metrics.Committed(operations, seconds);
                        }));
  auto pusher = MakePusher(flags, registry, &metrics, catalog.get());
  DeltaServer::Options options{.listen = address.ToString(),
                               .now = [] { return absl::GetCurrentTimeNanos(); },
                               .collect_every = absl::FromChrono(flags.collect_every)};
  DRAY_ASSIGN_OR_RETURN(auto server,
                        DeltaServer::Start(std::move(options), catalog.get(), &metrics));
  address.port = static_cast<uint16_t>(server->port());
  DRAY_RETURN_IF_ERROR(WritePortFile(flags.daemon.port_file, {{"grpc", address.ToString()}}));
  const CatalogCounts counts = catalog->Counts();
  spdlog::info("dray-delta {} serves {} on {}: {} entries, {} nodes, {} chunks", kVersion,
               flags.catalog, address.ToString(), counts.entries, counts.nodes, counts.chunks);
  pusher->ReportEvent("info", absl::StrCat("delta started on ", address.ToString()));

  const std::string signal = stop.Wait();
  spdlog::info("{}: finishing what runs, for {} at most", signal, absl::FormatDuration(kDrainTime));
  pusher->ReportEvent("info", absl::StrCat("delta is stopping: ", signal));
  server->Stop(kDrainTime);
  server.reset();
  pusher.reset();
  catalog.reset();
  spdlog::info("dray-delta stopped");
  return absl::OkStatus();
}

}  // namespace dray::delta
