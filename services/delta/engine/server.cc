#include "services/delta/engine/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "absl/time/clock.h"
#include "core/base/clock.h"
#include "services/delta/engine/delta_service.h"

namespace dray::delta {
namespace {

// Peers stay below it by far: a page is 9 KiB, a batch of 256 small files about 100 KiB.
constexpr int kMaxRequestBytes = 4 * 1024 * 1024;
constexpr int kMaxStreamsOfConnection = 4096;
// Who has not said by then that it speaks HTTP/2 is cut off.
constexpr int kHandshakeTimeoutMs = 10'000;
// Calls keep what they were told of from being collected: one whose peer is gone without a word
// ends after both of these.
constexpr int kKeepaliveMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 20'000;

class DeltaServerImpl final : public DeltaServer {
 public:
  DeltaServerImpl(const Options& options, Catalog* catalog, DeltaMetrics* metrics)
      : collector_(CollectorOptions(options, metrics), catalog, &calls_),
        service_({catalog, metrics, &calls_, &collector_}, options.now) {}

  absl::Status Listen(const std::string& address) {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port_);
    // Two servers must not share a port without knowing of each other.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsOfConnection);
    builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ != nullptr && port_ != 0) {
      // Beside "", whether it serves: whether there is somebody to ask.
      server_->GetHealthCheckService()->SetServingStatus("liveness", true);
      return absl::OkStatus();
    }
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address,
                                               ": the port is in use, or the address is not one of "
                                               "this machine; choose another --listen"));
  }

  int port() const override { return port_; }

  void Stop(absl::Duration deadline) override {
    server_->GetHealthCheckService()->SetServingStatus(false);
    server_->Shutdown(GrpcDeadline(deadline));
    server_->Wait();
  }

 private:
  static Collector::Options CollectorOptions(const Options& options, DeltaMetrics* metrics) {
    return {.every = options.collect_every,
            .retention = {.now = options.now},
            .on_collected = [metrics](const Collected& collected) {
              metrics->CollectedRows(collected);
            }};
  }

  Leases calls_;
  Collector collector_;
  DeltaService service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DeltaServer>> DeltaServer::Start(Options options, Catalog* catalog,
                                                                DeltaMetrics* metrics) {
  auto server = std::make_unique<DeltaServerImpl>(options, catalog, metrics);
  DRAY_RETURN_IF_ERROR(server->Listen(options.listen));
  return server;
}

}  // namespace dray::delta
