#include "client/sync/delete_pipeline.h"

#include <algorithm>
#include <utility>

#include "client/batch.h"
#include "client/wire_error.h"
#include "core/base/path.h"
#include "core/base/random.h"
#include "core/framing/frame.h"

namespace dray {
namespace {

// Requests to the server, and the names that they are about: a few full batches.
constexpr size_t kMaxInFlight = 12;
constexpr size_t kMaxNamesInFlight = 4 * kMaxBatchItems;

// Whether a request has its answer, be it a refusal; else it is sent again.
bool IsFinal(const absl::Status& status, const Call& call) {
  return status.ok() || (!call.lost() && !MayRetry(status));
}

absl::Status StatusOf(const wire::v1::PutBatchDone::Answer& answer) {
  if (answer.has_error()) return StatusFromWire(answer.error());
  if (answer.version() != 0) return absl::OkStatus();
  return absl::InternalError("the server broke the protocol: it neither deletes nor says why not");
}

}  // namespace

DeletePipeline::DeletePipeline(const Operation& operation)
    : operation_(operation),
      channel_(operation.channels->Borrow()),
      retrier_(operation.MakeRetrier()) {}

DeletePipeline::~DeletePipeline() {
  if (!in_flight_.empty()) channel_->Drop();  // nobody knows what is under way on it
}

absl::Status DeletePipeline::Submit(Request request) {
  if (request.recursive) {
    std::vector<Request> alone;
    alone.push_back(std::move(request));
    return Enter(std::move(alone));
  }
  const size_t bytes = SmallItem::FrameBytes(request.path.size(), 0, 0);
  if (gathered_.size() == kMaxBatchItems || gathered_bytes_ + bytes > kBatchFrameBytes) {
    DRAY_RETURN_IF_ERROR(Flush());
  }
  gathered_.push_back(std::move(request));
  gathered_bytes_ += bytes;
  return absl::OkStatus();
}

absl::Status DeletePipeline::Drain() {
  DRAY_RETURN_IF_ERROR(Flush());
  while (!in_flight_.empty()) DRAY_RETURN_IF_ERROR(Harvest());
  return absl::OkStatus();
}

absl::Status DeletePipeline::Flush() {
  if (gathered_.empty()) return absl::OkStatus();
  gathered_bytes_ = 0;
  return Enter(std::exchange(gathered_, {}));
}

bool DeletePipeline::HasRoom() const {
  return in_flight_.size() < kMaxInFlight && names_in_flight_ < kMaxNamesInFlight;
}

absl::Status DeletePipeline::Enter(std::vector<Request> requests) {
  while (!HasRoom()) DRAY_RETURN_IF_ERROR(Harvest());
  names_in_flight_ += requests.size();
  in_flight_.push_back({.requests = std::move(requests), .operation_id = RandomBytes(16)});
  // A failure shows again when the answer is waited for.
  SendWaiting().IgnoreError();
  return absl::OkStatus();
}

absl::Status DeletePipeline::SendWaiting() {
  DRAY_ASSIGN_OR_RETURN(const auto connection, channel_->Connect());
  if (!connection->Knows(wire::v1::BATCH_DELETES)) SplitBatches();
  for (size_t i = 0; i < std::min(in_flight_.size(), kMaxInFlight); ++i) {
    if (in_flight_[i].call == nullptr) DRAY_RETURN_IF_ERROR(Send(connection, &in_flight_[i]));
  }
  return absl::OkStatus();
}

absl::Status DeletePipeline::Send(const std::shared_ptr<Connection>& connection, Flight* flight) {
  if (!flight->batch()) {
    wire::v1::Delete question;
    question.set_path(flight->requests.front().path);
    question.set_recursive(flight->requests.front().recursive);
    question.set_operation_id(flight->operation_id);
    DRAY_ASSIGN_OR_RETURN(
        flight->call, Call::Start(connection, FrameType::kDelete, question, FrameType::kChanged));
    return absl::OkStatus();
  }
  wire::v1::PutBatch question;
  question.set_operation_id(flight->operation_id);
  for (const Request& request : flight->requests) {
    wire::v1::BatchItem* const item = question.add_items();
    item->set_path(request.path);
    item->mutable_metadata()->set_kind(wire::v1::DELETED);
  }
  DRAY_ASSIGN_OR_RETURN(flight->call, Call::Start(connection, FrameType::kPutBatch, question,
                                                  FrameType::kPutBatchDone));
  return absl::OkStatus();
}

void DeletePipeline::SplitBatches() {
  const bool any = std::any_of(in_flight_.begin(), in_flight_.end(),
                               [](const Flight& flight) { return flight.batch(); });
  if (!any) return;
  for (Flight& flight : std::exchange(in_flight_, {})) {
    if (!flight.batch()) {
      in_flight_.push_back(std::move(flight));
      continue;
    }
    for (Request& request : flight.requests) {
      Flight& one = in_flight_.emplace_back();
      one.requests.push_back(std::move(request));
      one.operation_id = RandomBytes(16);
    }
  }
}

absl::Status DeletePipeline::Harvest() {
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  absl::Status status = SendWaiting();
  if (status.ok()) status = Receive(&in_flight_.front());
  if (status.ok()) {
    in_flight_.pop_front();
    retrier_.Reset();
    return absl::OkStatus();
  }
  for (Flight& flight : in_flight_) flight.call.reset();
  channel_->Drop();
  return retrier_.AfterFailure(status);
}

absl::Status DeletePipeline::Receive(Flight* flight) {
  const size_t before = flight->requests.size();
  const absl::Status status = flight->batch() ? ReceiveBatch(flight) : ReceiveOne(flight);
  names_in_flight_ -= before - flight->requests.size();
  return status;
}

absl::Status DeletePipeline::ReceiveOne(Flight* flight) {
  wire::v1::Changed answer;
  const absl::Status status = flight->call->Receive(&answer);
  if (!IsFinal(status, *flight->call)) return status;
  Report(flight->requests.front(), status);
  flight->requests.clear();
  return absl::OkStatus();
}

absl::Status DeletePipeline::ReceiveBatch(Flight* flight) {
  wire::v1::PutBatchDone done;
  absl::Status status = flight->call->Receive(&done);
  if (!IsFinal(status, *flight->call)) return status;
  if (status.ok() && static_cast<size_t>(done.answers_size()) != flight->requests.size()) {
    status = absl::InternalError("the server broke the protocol: not one answer for each item");
  }
  absl::Status retry;
  std::vector<Request> rest;
  for (size_t i = 0; i < flight->requests.size(); ++i) {
    const absl::Status one = status.ok() ? StatusOf(done.answers(static_cast<int>(i))) : status;
    if (status.ok() && MayRetry(one)) {
      retry = one;
      rest.push_back(std::move(flight->requests[i]));
    } else {
      Report(flight->requests[i], one);
    }
  }
  flight->requests = std::move(rest);
  return retry;
}

void DeletePipeline::Report(const Request& request, const absl::Status& answer) {
  const absl::Status status = absl::IsNotFound(answer) ? absl::OkStatus() : answer;
  if (status.ok()) operation_.tracker->AddDeleted(request.names);
  operation_.tracker->Report(
      {.outcome = status.ok() ? FileReport::Outcome::kDone : FileReport::Outcome::kFailed,
       .kind = wire::v1::DELETED,
       .local = request.local,
       .remote = request.path,
       .connection_id = channel_->connection_id(),
       .status = WithContext(status, absl::StrCat("cannot delete ", EscapeName(request.path)))});
}

}  // namespace dray
