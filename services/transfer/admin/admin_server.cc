#include "services/transfer/admin/admin_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <mutex>
#include <utility>

#include "services/transfer/admin/store_service.h"

namespace dray::transfer {
namespace {

// For calls that run when the server stops; they are scans that anybody can start again.
constexpr std::chrono::milliseconds kStopTime{500};
constexpr int kMinPingIntervalMs = 10'000;
// Who has not said by then that it speaks HTTP/2 is cut off.
constexpr int kHandshakeTimeoutMs = 10'000;

}  // namespace

class AdminServer::Impl {
 public:
  Impl(const Address& address, SegmentStore* store, Leases* operations)
      : address_(address), store_service_(MakeStoreService(store, operations)) {}

  absl::Status Start() {
    static std::once_flag once;
    std::call_once(once, [] {
      grpc::EnableDefaultHealthCheckService(true);
      grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    });
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
    // A check may wait for a slow disk, and asks meanwhile whether this end still lives.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                               kMinPingIntervalMs);
    builder.AddListeningPort(address_.ToString(), grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(store_service_.get());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot listen on ", address_.ToString(),
                       " for the admin service: the port is in use, or this machine has no such "
                       "address; choose another one with --admin"));
    }
    address_.port = static_cast<uint16_t>(port);
    SetDeltaServing(false);
    server_->GetHealthCheckService()->SetServingStatus("liveness", true);
    return absl::OkStatus();
  }

  ~Impl() { Stop(); }

  std::string address() const { return address_.ToString(); }

  void SetServing(bool serving) {
    server_->GetHealthCheckService()->SetServingStatus("", serving);
    server_->GetHealthCheckService()->SetServingStatus("dray.transfer.v1.Store", serving);
  }

  void SetDeltaServing(bool serving) {
    server_->GetHealthCheckService()->SetServingStatus("delta", serving);
  }

  void Stop() {
    std::call_once(stop_once_, [this] {
      if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now() + kStopTime);
    });
  }

 private:
  Address address_;
  const std::unique_ptr<grpc::Service> store_service_;
  std::unique_ptr<grpc::Server> server_;
  std::once_flag stop_once_;
};

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const Address& address,
                                                                SegmentStore* store,
                                                                Leases* operations) {
  auto impl = std::make_unique<Impl>(address, store, operations);
  DRAY_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(impl)));
}

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminServer::~AdminServer() = default;

std::string AdminServer::address() const { return impl_->address(); }
void AdminServer::SetServing(bool serving) { impl_->SetServing(serving); }
void AdminServer::SetDeltaServing(bool serving) { impl_->SetDeltaServing(serving); }
void AdminServer::Stop() { impl_->Stop(); }

}  // namespace dray::transfer
