#include "services/transfer/dialects/native/put_receiver.h"

#include <optional>
#include <utility>
#include <variant>

#include "core/framing/data_frame.h"
#include "core/net/spawn.h"
#include "services/transfer/dialects/native/connection.h"
#include "services/transfer/engine/upload_session.h"

namespace dray::transfer::native {
namespace {

using boost::asio::awaitable;

// Data gathered before it goes to the disk.
constexpr size_t kRunBytes = 1u << 20;
constexpr size_t kIdOffset = kFrameHeaderBytes;

void SendAnswer(Connection& connection, uint16_t request, const UploadSession::Answer& answer) {
  if (const auto* known = std::get_if<UploadSession::Known>(&answer)) {
    wire::v1::PutKnown frame;
    frame.set_answered(known->answered);
    frame.mutable_unknown()->Add(known->unknown.begin(), known->unknown.end());
    for (const UploadSession::Old& old : known->olds) {
      wire::v1::PutOld* const out = frame.add_olds();
      out->set_ordinal(old.ordinal);
      out->set_short_ids(old.short_ids);
    }
    connection.Answer(request, FrameType::kPutKnown, frame);
  } else {
    const auto& wanted = std::get<UploadSession::Wanted>(answer);
    wire::v1::PutWanted frame;
    frame.set_ordinal(wanted.ordinal);
    frame.mutable_missing()->Add(wanted.missing.begin(), wanted.missing.end());
    for (const UploadSession::Base& base : wanted.bases) {
      if (!base.signature) continue;
      wire::v1::PutBase* const out = frame.add_bases();
      out->set_first(base.first);
      out->set_count(base.count);
      out->set_block_bytes(base.signature->block_bytes);
      out->set_hashes(base.signature->hashes);
    }
    connection.Answer(request, FrameType::kPutWanted, frame);
  }
}

}  // namespace

PutReceiver::PutReceiver(Connection* connection) : connection_(connection) {}
PutReceiver::~PutReceiver() = default;

awaitable<absl::Status> PutReceiver::OnOpen(const ReceivedFrame& frame) {
  if (session_ != nullptr) {
    co_return absl::InvalidArgumentError(
        "PutOpen while another upload is open; commit or cancel that one first");
  }
  failed_request_ = 0;
  request_ = frame.header.request;
  run_ = DataRun();
  received_bytes_ = stored_bytes_ = 0;
  wire::v1::PutOpen open;
  absl::Status status = ParseControl(frame.header.type, frame.payload(), &open);
  if (status.ok()) {
    UploadSession::Target target;
    target.path = std::move(*open.mutable_path());
    target.operation_id = std::move(*open.mutable_operation_id());
    if (open.has_replaces()) target.replaces = open.replaces();
    target.author = connection_->author();
    target.size = open.size();
    target.deltas = connection_->has_feature(wire::v1::CHUNK_DELTAS);
    target.short_nodes = connection_->has_feature(wire::v1::SHORT_NODES);
    auto session = co_await UploadSession::Open(&connection_->engine(), connection_->executor(),
                                                &connection_->activity(), std::move(target));
    status = session.status();
    if (session.ok()) session_ = *std::move(session);
  }
  if (!status.ok()) {
    Fail(status);
    co_return absl::OkStatus();
  }
  UploadSession::Events events;
  events.on_stored = [this](uint64_t total_bytes) { OnStored(total_bytes); };
  events.on_failure = [this, session = session_.get()](const absl::Status& failure) {
    if (session_.get() == session) Fail(failure);
  };
  session_->SetEvents(std::move(events));
  Spawn(connection_->executor(),
        ForwardAnswers(connection_->shared_from_this(), session_, request_));
  co_return absl::OkStatus();
}

awaitable<void> PutReceiver::ForwardAnswers(std::shared_ptr<Connection> alive,
                                            std::shared_ptr<UploadSession> opened,
                                            uint16_t request) {
  // A local dies before the parameters do, among which there is no order to rely on: the session
  // looks into the connection to its end.
  const std::shared_ptr<UploadSession> session = std::move(opened);
  while (true) {
    absl::StatusOr<UploadSession::Answer> answer = co_await session->NextAnswer();
    if (!answer.ok()) {
      if (session_ == session) Fail(answer.status());
      break;
    }
    if (session_ != session) continue;
    if (auto* const wanted = std::get_if<UploadSession::Wanted>(&*answer);
        wanted != nullptr && !wanted->bases.empty()) {
      co_await session->Sign(wanted);
      if (session_ != session) continue;
    }
    SendAnswer(*alive, request, *answer);
    co_await alive->transport().WaitForRoom();
  }
}

awaitable<absl::Status> PutReceiver::OnFrame(const ReceivedFrame& frame) {
  const uint16_t request = frame.header.request;
  if (session_ == nullptr || request != request_) {
    if (failed_request_ != 0 && request == failed_request_) co_return absl::OkStatus();
    co_return absl::InvalidArgumentError(
        absl::StrCat(FrameTypeName(frame.header.type), " of request ", request,
                     ", which is no open upload; send PutOpen first"));
  }
  const auto session = session_;
  const absl::Status status = co_await TakeFrame(frame);
  if (!status.ok() && session_ == session) Fail(status);
  co_return absl::OkStatus();
}

awaitable<absl::Status> PutReceiver::TakeFrame(const ReceivedFrame& frame) {
  const auto session = session_;
  const FrameType type = frame.header.type;
  if (type == FrameType::kPutOffer) {
    wire::v1::PutOffer offer;
    DRAY_CO_RETURN_IF_ERROR(ParseControl(type, frame.payload(), &offer));
    co_return co_await session->Offer(std::move(offer));
  }
  if (type == FrameType::kPutNode) {
    wire::v1::PutNode node;
    DRAY_CO_RETURN_IF_ERROR(ParseControl(type, frame.payload(), &node));
    co_return co_await session->AddNode(std::move(node));
  }
  if (type == FrameType::kPutDelta) co_return co_await TakeDelta(frame);
  co_return co_await TakeCommit(frame);
}

awaitable<absl::Status> PutReceiver::TakeDelta(const ReceivedFrame& frame) {
  const auto session = session_;
  wire::v1::PutDelta delta;
  DRAY_CO_RETURN_IF_ERROR(ParseControl(frame.header.type, frame.payload(), &delta));
  DRAY_CO_ASSIGN_OR_RETURN(BasedChunk chunk, session->ExpectDelta(delta.ordinal(), delta.index()));
  const uint64_t credit_bytes = kDataFrameOverheadBytes + chunk.length_bytes;
  DRAY_CO_RETURN_IF_ERROR(Charge(credit_bytes));
  absl::StatusOr<std::optional<Slice>> made = co_await session->Rebuild(
      std::move(chunk), std::move(*delta.mutable_delta()), delta.raw_bytes());
  if (!made.ok()) co_return made.status();
  if (session_ != session) co_return absl::OkStatus();
  if (!made->has_value()) {
    wire::v1::PutAgain again;
    again.set_ordinal(delta.ordinal());
    again.set_index(delta.index());
    connection_->Answer(request_, FrameType::kPutAgain, again);
    session->Return(credit_bytes);
    co_return absl::OkStatus();
  }
  run_.Add(**made, credit_bytes);
  if (run_.size_bytes() >= kRunBytes) co_await StoreRun();
  co_return absl::OkStatus();
}

absl::Status PutReceiver::Charge(uint64_t credit_bytes) {
  received_bytes_ += credit_bytes;
  if (received_bytes_ - stored_bytes_ <= connection_->options().unacknowledged_bytes) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat("more than ",
                                                   connection_->options().unacknowledged_bytes,
                                                   " bytes of data without waiting for PutStored"));
}

awaitable<absl::Status> PutReceiver::TakeCommit(const ReceivedFrame& frame) {
  const auto session = session_;
  wire::v1::PutCommit commit;
  DRAY_CO_RETURN_IF_ERROR(ParseControl(frame.header.type, frame.payload(), &commit));
  if (session->expects_again()) co_return absl::OkStatus();
  co_await StoreRun();
  // The data of one upload at most waits in memory, however many are being committed.
  DRAY_CO_RETURN_IF_ERROR(co_await session->DrainStores());
  if (session_ != session) co_return absl::OkStatus();
  session_.reset();
  Spawn(connection_->executor(),
        Commit(connection_->shared_from_this(), session, request_, std::move(commit)));
  co_return absl::OkStatus();
}

awaitable<void> PutReceiver::Commit(std::shared_ptr<Connection> alive,
                                    std::shared_ptr<UploadSession> opened, uint16_t request,
                                    wire::v1::PutCommit commit) {
  const std::shared_ptr<UploadSession> session = std::move(opened);  // as in ForwardAnswers
  auto response = co_await session->Commit(std::move(*commit.mutable_root()),
                                           std::move(*commit.mutable_metadata()));
  if (!response.ok()) {
    session->Close(response.status());
    alive->FinishWithError(request, response.status());
    co_return;
  }
  wire::v1::PutDone done;
  *done.mutable_version() = std::move(*response->mutable_version());
  done.set_unchanged(response->unchanged());
  alive->Finish(request, FrameType::kPutDone, done);
}

awaitable<absl::Status> PutReceiver::OnData(const Slice& frame) {
  if (session_ == nullptr) {
    if (failed_request_ != 0) co_return absl::OkStatus();
    co_return absl::InvalidArgumentError("a data frame while no upload is open");
  }
  DRAY_CO_RETURN_IF_ERROR(Charge(frame.bytes.size()));
  if (frame.bytes.size() <= kDataFrameOverheadBytes) {
    Fail(absl::InvalidArgumentError("a data frame that is too short"));
    co_return absl::OkStatus();
  }
  const absl::Status expected = session_->Expect(ChunkId::Load(frame.bytes.data() + kIdOffset));
  if (!expected.ok()) {
    Fail(expected);
    co_return absl::OkStatus();
  }
  run_.Add(frame);
  if (run_.size_bytes() >= kRunBytes) co_await StoreRun();
  co_return absl::OkStatus();
}

// A failure is told by the session's event.
awaitable<void> PutReceiver::StoreRun() {
  if (run_.empty()) co_return;
  const auto session = session_;
  DataRun run = std::exchange(run_, DataRun());
  static_cast<void>(co_await session->Store(std::move(run)));
}

void PutReceiver::StoreWhatIsThere() {
  if (session_ == nullptr || run_.empty() || !session_->ready_to_store()) return;
  session_->StoreNow(std::exchange(run_, DataRun()));
}

void PutReceiver::OnStored(uint64_t total_bytes) {
  stored_bytes_ = total_bytes;
  wire::v1::PutStored stored;
  stored.set_bytes(total_bytes);
  connection_->Answer(request_, FrameType::kPutStored, stored);
}

void PutReceiver::OnCancel(uint16_t request) {
  if (session_ == nullptr || request != request_) return;
  Fail(absl::CancelledError("cancelled"));
  failed_request_ = 0;
}

void PutReceiver::Forget(uint16_t request) {
  if (request == failed_request_) failed_request_ = 0;
}

void PutReceiver::Close() {
  if (session_ == nullptr) return;
  session_->Close(absl::CancelledError("the connection ended"));
  session_.reset();
  run_ = DataRun();
}

void PutReceiver::Fail(const absl::Status& status) {
  if (session_ != nullptr) {
    session_->Close(status);
    session_.reset();
  }
  run_ = DataRun();
  failed_request_ = request_;
  connection_->FinishWithError(request_, status);
}

}  // namespace dray::transfer::native
