#include "services/transfer/engine/delta_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "core/base/clock.h"
#include "dray/delta/v1/delta.grpc.pb.h"
#include "services/transfer/engine/delta_calls.h"
#include "services/transfer/engine/delta_health.h"

namespace dray::transfer {
namespace {

using boost::asio::awaitable;
using delta::v1::Delta;
using internal::OpenCalls;

absl::Status TookTooLong(const std::string& address) {
  return absl::DeadlineExceededError(
      absl::StrCat("the delta service at ", address, " took too long; try again"));
}

absl::Status FromGrpc(const grpc::Status& status, const std::string& address) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  if (code == absl::StatusCode::kUnavailable) {
    return absl::UnavailableError(absl::StrCat(
        "the delta service at ", address, " cannot be reached; it may be starting: try again (",
        status.error_message(), ")"));
  }
  if (code == absl::StatusCode::kDeadlineExceeded) return TookTooLong(address);
  if (code == absl::StatusCode::kCancelled) {  // by a server that stops, or by Shutdown() here
    return absl::UnavailableError(absl::StrCat("the delta service at ", address,
                                               " ended the call; it may be stopping: try again"));
  }
  return absl::Status(code, status.error_message());
}

void AddConnection(grpc::ClientContext* context, std::string_view connection_id) {
  if (!connection_id.empty()) context->AddMetadata("dray-connection", std::string(connection_id));
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  // A delta that was started again is to be found soon.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 2000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1000);
  // The questions after health keep the connection busy: pings are sent only to one that died.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// A stream's end is told once by gRPC; afterwards it is remembered here.
template <typename Message>
class ReadStream final : public MessageStream<Message> {
 public:
  ReadStream(std::shared_ptr<internal::ReadCall<Message>> call, const DeltaClient::Options& options)
      : call_(std::move(call)), address_(options.address), deadline_(options.deadline) {
    call_->Begin(call_);
  }
  ~ReadStream() override {
    if (!finished_) call_->Abandon();
  }

  awaitable<absl::StatusOr<bool>> Read(Message* message) override {
    const auto executor = co_await boost::asio::this_coro::executor;
    boost::asio::steady_timer timer(executor, absl::ToChronoNanoseconds(deadline_));
    timer.async_wait([call = call_, late = late_](const boost::system::error_code& cancelled) {
      if (cancelled) return;
      *late = true;
      call->context()->TryCancel();
    });
    const bool more = co_await call_->Read(message);
    timer.cancel();
    if (more) co_return true;
    finished_ = true;
    const grpc::Status status = co_await call_->Finish();
    if (*late_) co_return TookTooLong(address_);
    if (!status.ok()) co_return FromGrpc(status, address_);
    co_return false;
  }

 private:
  const std::shared_ptr<internal::ReadCall<Message>> call_;
  const std::string address_;
  const absl::Duration deadline_;
  const std::shared_ptr<bool> late_ = std::make_shared<bool>(false);
  bool finished_ = false;
};

template <typename Request, typename Message>
class ReadWriteStream final : public TwoWayStream<Request, Message> {
 public:
  using Call = internal::ReadWriteCall<Request, Message>;

  ReadWriteStream(std::shared_ptr<Call> call, std::string address)
      : call_(std::move(call)), address_(std::move(address)) {
    call_->Begin(call_);
  }
  ~ReadWriteStream() override {
    if (!finished_) call_->Abandon();
  }

  awaitable<absl::StatusOr<bool>> Read(Message* message) override {
    const bool more = co_await call_->Read(message);
    if (more) co_return true;
    finished_ = true;
    const grpc::Status status = co_await call_->Finish();
    if (!status.ok()) co_return FromGrpc(status, address_);
    co_return false;
  }

  awaitable<absl::Status> Write(const Request& request) override {
    bool written = false;
    if (!finished_) written = co_await call_->Write(request);
    if (written) co_return absl::OkStatus();
    // The reader learns why.
    co_return absl::UnavailableError("the session with delta ended");
  }

  void Cancel() override { call_->context()->TryCancel(); }

 private:
  const std::shared_ptr<Call> call_;
  const std::string address_;
  bool finished_ = false;
};

}  // namespace

class DeltaClient::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)),
        channel_(MakeChannel(options_.address)),
        stub_(Delta::NewStub(channel_)),
        health_(channel_, options_.health_period, options_.on_health) {}

  template <typename Request, typename Response>
  using Method = void (Delta::StubInterface::async_interface::*)(grpc::ClientContext*,
                                                                 const Request*, Response*,
                                                                 std::function<void(grpc::Status)>);

  template <typename Request, typename Response>
  awaitable<absl::Status> Call(Method<Request, Response> method, const Request& request,
                               Response* response, std::string_view connection_id) {
    grpc::ClientContext context;
    AddConnection(&context, connection_id);
    context.set_deadline(GrpcDeadline(options_.deadline));
    grpc::Status status;
    auto start = [&](Resume resume) {
      auto shared = std::make_shared<Resume>(std::move(resume));
      const bool added = open_calls_->Add(&context);
      (stub_->async()->*method)(&context, &request, response,
                                [&status, shared](grpc::Status result) {
                                  status = std::move(result);
                                  (*shared)();
                                });
      if (!added) context.TryCancel();
    };
    co_await Suspend(start);
    open_calls_->Remove(&context);
    co_return FromGrpc(status, options_.address);
  }

  template <typename Message, typename Request>
  std::unique_ptr<MessageStream<Message>> Stream(
      void (Delta::StubInterface::async_interface::*method)(grpc::ClientContext*, const Request*,
                                                            grpc::ClientReadReactor<Message>*),
      const Request& request, std::string_view connection_id) {
    auto call = std::make_shared<internal::ReadCall<Message>>(open_calls_);
    AddConnection(call->context(), connection_id);
    (stub_->async()->*method)(call->context(), &request, call.get());
    return std::make_unique<ReadStream<Message>>(std::move(call), options_);
  }

  template <typename Request, typename Message>
  std::unique_ptr<TwoWayStream<Request, Message>> Session(
      void (Delta::StubInterface::async_interface::*method)(
          grpc::ClientContext*, grpc::ClientBidiReactor<Request, Message>*),
      std::string_view connection_id) {
    using Stream = ReadWriteStream<Request, Message>;
    auto call = std::make_shared<typename Stream::Call>(open_calls_);
    AddConnection(call->context(), connection_id);
    (stub_->async()->*method)(call->context(), call.get());
    return std::make_unique<Stream>(std::move(call), options_.address);
  }

  void Shutdown() {
    health_.Stop();
    open_calls_->CancelAll();
  }

  bool healthy() const { return health_.healthy(); }
  const Options& options() const { return options_; }

 private:
  const Options options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<Delta::Stub> stub_;
  const std::shared_ptr<OpenCalls> open_calls_ = std::make_shared<OpenCalls>();
  DeltaHealth health_;
};

using AsyncDelta = Delta::StubInterface::async_interface;

DeltaClient::DeltaClient(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
DeltaClient::~DeltaClient() { Shutdown(); }

std::unique_ptr<CompareStream> DeltaClient::Compare(std::string_view connection_id) {
  return impl_->Session<delta::v1::CompareRequest, delta::v1::CompareResponse>(&AsyncDelta::Compare,
                                                                               connection_id);
}

std::unique_ptr<BlockStream> DeltaClient::CompareBlocks(std::string_view connection_id) {
  return impl_->Session<delta::v1::CompareBlocksRequest, delta::v1::CompareBlocksResponse>(
      &AsyncDelta::CompareBlocks, connection_id);
}

std::unique_ptr<MessageStream<delta::v1::ResolveResponse>> DeltaClient::Resolve(
    const delta::v1::ResolveRequest& request, std::string_view connection_id) {
  return impl_->Stream<delta::v1::ResolveResponse>(&AsyncDelta::Resolve, request, connection_id);
}

std::unique_ptr<MessageStream<delta::v1::VersionsResponse>> DeltaClient::List(
    const delta::v1::ListRequest& request, std::string_view connection_id) {
  return impl_->Stream<delta::v1::VersionsResponse>(&AsyncDelta::List, request, connection_id);
}

std::unique_ptr<MessageStream<delta::v1::VersionsResponse>> DeltaClient::History(
    const delta::v1::HistoryRequest& request, std::string_view connection_id) {
  return impl_->Stream<delta::v1::VersionsResponse>(&AsyncDelta::History, request, connection_id);
}

std::unique_ptr<MessageStream<delta::v1::SegmentUsesResponse>> DeltaClient::SegmentUses(
    const delta::v1::SegmentUsesRequest& request, std::string_view connection_id) {
  return impl_->Stream<delta::v1::SegmentUsesResponse>(&AsyncDelta::SegmentUses, request,
                                                       connection_id);
}

awaitable<absl::Status> DeltaClient::AddChunks(delta::v1::AddChunksRequest request,
                                               std::string_view connection_id) {
  delta::v1::AddChunksResponse response;
  co_return co_await impl_->Call<delta::v1::AddChunksRequest, delta::v1::AddChunksResponse>(
      &AsyncDelta::AddChunks, request, &response, connection_id);
}

// Each call with one answer: the same but for its types.
#define DRAY_DELTA_CALL(Name, Request, Response)                                               \
  awaitable<absl::StatusOr<delta::v1::Response>> DeltaClient::Name(                            \
      delta::v1::Request request, std::string_view connection_id) {                            \
    delta::v1::Response response;                                                              \
    const absl::Status status = co_await impl_->Call<delta::v1::Request, delta::v1::Response>( \
        &AsyncDelta::Name, request, &response, connection_id);                                 \
    if (!status.ok()) co_return status;                                                        \
    co_return response;                                                                        \
  }

DRAY_DELTA_CALL(Commit, CommitRequest, CommitResponse)
DRAY_DELTA_CALL(CommitBatch, CommitBatchRequest, CommitBatchResponse)
DRAY_DELTA_CALL(Stat, StatRequest, ChangedResponse)
DRAY_DELTA_CALL(Move, MoveRequest, ChangedResponse)
DRAY_DELTA_CALL(Delete, DeleteRequest, ChangedResponse)
DRAY_DELTA_CALL(Restore, RestoreRequest, ChangedResponse)
DRAY_DELTA_CALL(FilesWithoutMd5, FilesWithoutMd5Request, VersionsResponse)
DRAY_DELTA_CALL(SetMd5s, SetMd5sRequest, SetMd5sResponse)
DRAY_DELTA_CALL(ReadNodes, ReadNodesRequest, ReadNodesResponse)
DRAY_DELTA_CALL(FindRoots, FindRootsRequest, FindRootsResponse)
DRAY_DELTA_CALL(FindChunks, FindChunksRequest, FindChunksResponse)
DRAY_DELTA_CALL(MoveChunks, MoveChunksRequest, MoveChunksResponse)
DRAY_DELTA_CALL(RetireSegments, RetireSegmentsRequest, RetireSegmentsResponse)
DRAY_DELTA_CALL(SetRetention, SetRetentionRequest, SetRetentionResponse)
DRAY_DELTA_CALL(ListRetentions, ListRetentionsRequest, ListRetentionsResponse)
#undef DRAY_DELTA_CALL

bool DeltaClient::healthy() const { return impl_->healthy(); }
const std::string& DeltaClient::address() const { return impl_->options().address; }
absl::Duration DeltaClient::deadline() const { return impl_->options().deadline; }
absl::Status DeltaClient::TookTooLong() const { return transfer::TookTooLong(address()); }
void DeltaClient::Shutdown() { impl_->Shutdown(); }

}  // namespace dray::transfer
