#include "services/delta/audit/store_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <utility>

#include "core/net/address.h"
#include "dray/transfer/v1/transfer.grpc.pb.h"

namespace dray::delta {
namespace {

namespace v1 = ::dray::transfer::v1;

constexpr uint16_t kDefaultPort = 5050;
constexpr std::chrono::seconds kConnectTime{10};
// A connection whose other end does not answer for so long is lost.
constexpr int kKeepaliveMs = 20'000;

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat("transfer: ", status.error_message()));
}

absl::StatusOr<StoredChunk> FromProto(const v1::RecordLocation& record) {
  const auto id = ChunkId::FromBytes(record.id());
  if (!id) return absl::InternalError("transfer tells of a chunk whose id does not have 32 bytes");
  return StoredChunk{.id = *id,
                     .length_bytes = record.length(),
                     .segment = SegmentId{record.segment()},
                     .offset = record.offset(),
                     .stored_bytes = record.stored()};
}

void ToProto(const StoredChunk& chunk, v1::RecordLocation* record) {
  record->set_id(std::string(chunk.id.view()));
  record->set_length(chunk.length_bytes);
  record->set_segment(static_cast<uint64_t>(chunk.segment));
  record->set_offset(chunk.offset);
  record->set_stored(chunk.stored_bytes);
}

// False after the first attempt that failed.
bool AwaitConnection(grpc::Channel* channel) {
  const auto deadline = std::chrono::system_clock::now() + kConnectTime;
  for (auto state = channel->GetState(/*try_to_connect=*/true); state != GRPC_CHANNEL_READY;
       state = channel->GetState(/*try_to_connect=*/true)) {
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE) return false;
    if (!channel->WaitForStateChange(state, deadline)) return false;
  }
  return true;
}

class GrpcStoreClient final : public StoreClient {
 public:
  explicit GrpcStoreClient(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::Store::NewStub(channel)) {}

  ~GrpcStoreClient() override {
    if (verification_ == nullptr) return;
    verification_->WritesDone();
    verification_->Finish();
  }

  absl::Status Scan(const std::function<absl::Status(const std::vector<StoredChunk>&)>& on_records,
                    const std::function<void(const DamagedRange&)>& on_damage) override {
    grpc::ClientContext context;
    const auto stream = stub_->ScanSegments(&context, {});
    absl::Status status;
    for (v1::ScanSegmentsResponse part; status.ok() && stream->Read(&part);) {
      for (const v1::DamagedRange& range : part.damaged()) {
        on_damage({SegmentId{range.segment()}, range.offset(), range.length(), range.what()});
      }
      status = PassOn(part, on_records);
    }
    if (!status.ok()) context.TryCancel();
    const grpc::Status finished = stream->Finish();
    return status.ok() ? FromGrpc(finished) : status;
  }

  absl::StatusOr<std::vector<WrongChunk>> Verify(const std::vector<StoredChunk>& chunks) override {
    if (verification_ == nullptr) verification_ = stub_->VerifyChunks(&verification_context_);
    v1::VerifyChunksRequest request;
    for (const StoredChunk& chunk : chunks) ToProto(chunk, request.add_records());
    v1::VerifyChunksResponse response;
    if (!verification_->Write(request) || !verification_->Read(&response)) {
      const absl::Status lost = FromGrpc(std::exchange(verification_, nullptr)->Finish());
      return lost.ok() ? absl::InternalError("transfer ended the verification") : lost;
    }
    if (response.verified() != chunks.size()) {
      return absl::InternalError("transfer did not look at every chunk");
    }
    std::vector<WrongChunk> wrong;
    for (const auto& answer : response.wrong()) {
      DRAY_ASSIGN_OR_RETURN(StoredChunk chunk, FromProto(answer.record()));
      wrong.push_back({chunk, answer.what()});
    }
    return wrong;
  }

 private:
  static absl::Status PassOn(
      const v1::ScanSegmentsResponse& part,
      const std::function<absl::Status(const std::vector<StoredChunk>&)>& on_records) {
    std::vector<StoredChunk> chunks;
    for (const v1::RecordLocation& record : part.records()) {
      DRAY_ASSIGN_OR_RETURN(chunks.emplace_back(), FromProto(record));
    }
    return chunks.empty() ? absl::OkStatus() : on_records(chunks);
  }

  const std::unique_ptr<v1::Store::Stub> stub_;
  grpc::ClientContext verification_context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::VerifyChunksRequest, v1::VerifyChunksResponse>>
      verification_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreClient>> StoreClient::Connect(const std::string& address) {
  const auto parsed = ParseAddress(address, kDefaultPort);
  if (!parsed.ok()) return WithContext(parsed.status(), "--transfer");
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  // What DNS or a proxy in the environment would say of it is no business of ours.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const auto channel =
      grpc::CreateCustomChannel(parsed->ToString(), grpc::InsecureChannelCredentials(), arguments);
  if (!AwaitConnection(channel.get())) {
    return absl::UnavailableError(
        absl::StrCat("transfer cannot be reached at ", parsed->ToString(),
                     "; start it, or say with --transfer where its admin port is"));
  }
  auto client = std::make_unique<GrpcStoreClient>(channel);
  // Nothing yet; while this is open, transfer deletes no segment.
  DRAY_RETURN_IF_ERROR(client->Verify({}).status());
  return client;
}

}  // namespace dray::delta
