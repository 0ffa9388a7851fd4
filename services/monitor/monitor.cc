#include "services/monitor/monitor.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <chrono>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "core/base/clock.h"
#include "core/net/address.h"
#include "core/telemetry/logging.h"
#include "services/monitor/history.h"
#include "services/monitor/http_server.h"
#include "services/monitor/instance_registry.h"
#include "services/monitor/push_service.h"
#include "services/monitor/self_report.h"
#include "services/monitor/site.h"

namespace dray::monitor {
namespace {

constexpr int kMaxMessageBytes = 4 << 20;
constexpr int kMaxThreads = 64;
// Who has not said by then that it speaks HTTP/2 is cut off.
constexpr int kHandshakeTimeoutMs = 10'000;
constexpr size_t kMaxGrpcBytes = 256 << 20;
constexpr auto kGrpcStopTimeout = std::chrono::seconds(2);
constexpr absl::Duration kHousekeeping = absl::Seconds(1);

absl::StatusOr<Address> CheckedAddress(const std::string& flag, const std::string& text,
                                       bool allow_anyone) {
  auto address = ParseAddress(text);
  if (!address.ok()) return WithContext(address.status(), flag);
  if (!allow_anyone && !IsLoopback(address->host)) {
    return absl::InvalidArgumentError(absl::StrCat(
        flag, " ", text,
        " is not on loopback, and there is no authentication: anyone who reaches it could push and "
        "read. If that is meant, say --allow-anyone; else listen on 127.0.0.1"));
  }
  return address;
}

absl::StatusOr<std::unique_ptr<grpc::Server>> StartGrpc(const Address& address,
                                                        PushService* service, int* port) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address.ToString(), grpc::InsecureServerCredentials(), port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 16);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 60'000);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  grpc::ResourceQuota quota("monitor");
  quota.SetMaxThreads(kMaxThreads).Resize(kMaxGrpcBytes);
  builder.SetResourceQuota(quota);
  builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || *port == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", address.ToString(),
        ": the port is in use or the address is not this machine's; choose another --listen"));
  }
  // Beside "", whether it serves: whether there is somebody to ask.
  server->GetHealthCheckService()->SetServingStatus("liveness", true);
  return server;
}

}  // namespace

class Monitor::Impl {
 public:
  Impl() : registry_({}, metrics_), self_(metrics_, registry_), service_(registry_) {}

  absl::Status Start(const Options& options) {
    DRAY_ASSIGN_OR_RETURN(const Address listen,
                          CheckedAddress("--listen", options.listen, options.allow_anyone));
    DRAY_ASSIGN_OR_RETURN(const Address http,
                          CheckedAddress("--http", options.http, options.allow_anyone));
    self_.Report();
    int port = 0;
    DRAY_ASSIGN_OR_RETURN(grpc_, StartGrpc(listen, &service_, &port));
    grpc_address_ = Address{listen.host, static_cast<uint16_t>(port)}.ToString();
    Site::Options site_options;
    site_options.local_names_only = IsLoopback(http.host);
    site_options.refresh = [this] { self_.Report(); };
    site_options.streams = &streams_;
    site_ = std::make_unique<Site>(std::move(site_options), registry_, history_);
    HttpServer::Options http_options;
    http_options.listen = http;
    DRAY_ASSIGN_OR_RETURN(
        http_, HttpServer::Start(std::move(http_options),
                                 [this](const HttpRequest& request) { return Answer(request); }));
    housekeeper_ = std::thread([this] { KeepHouse(); });
    return absl::OkStatus();
  }

  ~Impl() {
    if (site_ != nullptr) site_->BeginStop();
    if (grpc_ != nullptr) {
      if (auto* health = grpc_->GetHealthCheckService()) health->SetServingStatus(false);
    }
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    if (housekeeper_.joinable()) housekeeper_.join();
    http_ = nullptr;
    if (grpc_ != nullptr) {
      grpc_->Shutdown(std::chrono::system_clock::now() + kGrpcStopTimeout);
      grpc_->Wait();
    }
  }

  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& http_address() const { return http_->address(); }

 private:
  HttpResponse Answer(const HttpRequest& request) {
    HttpResponse response = site_->Answer(request);
    http_requests_.Add({{"code", std::to_string(response.status)}}).Increment();
    return response;
  }

  bool Stopping() {
    absl::MutexLock lock(&mutex_);
    return stopping_;
  }

  void KeepHouse() {
    NameThread("housekeeper");
    while (SleepUnless([this] { return Stopping(); }, kHousekeeping)) {
      self_.Report();
      registry_.Sweep();
      const absl::Time now = absl::Now();
      if (history_.IsDue(now)) history_.Sample(registry_.Instances(), now);
    }
  }

  prometheus::Registry metrics_;
  InstanceRegistry registry_;
  History history_;
  SelfReport self_;
  prometheus::Family<prometheus::Counter>& http_requests_ =
      prometheus::BuildCounter()
          .Name("dray_monitor_http_requests_total")
          .Help("HTTP requests answered, by status.")
          .Register(metrics_);
  prometheus::Gauge& streams_ = prometheus::BuildGauge()
                                    .Name("dray_monitor_streams")
                                    .Help("Live streams open: pages that are being looked at.")
                                    .Register(metrics_)
                                    .Add({});
  PushService service_;
  std::string grpc_address_;
  std::unique_ptr<Site> site_;
  std::unique_ptr<grpc::Server> grpc_;
  std::unique_ptr<HttpServer> http_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread housekeeper_;
};

absl::StatusOr<std::unique_ptr<Monitor>> Monitor::Start(const Options& options) {
  auto impl = std::make_unique<Impl>();
  DRAY_RETURN_IF_ERROR(impl->Start(options));
  return std::unique_ptr<Monitor>(new Monitor(std::move(impl)));
}

Monitor::Monitor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Monitor::~Monitor() = default;

const std::string& Monitor::grpc_address() const { return impl_->grpc_address(); }
const std::string& Monitor::http_address() const { return impl_->http_address(); }

}  // namespace dray::monitor
