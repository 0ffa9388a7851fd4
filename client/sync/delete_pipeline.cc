#include "client/sync/delete_pipeline.h"

#include <utility>

#include "client/wire_error.h"
#include "core/base/path.h"
#include "core/base/random.h"
#include "core/framing/frame.h"

namespace dray {
namespace {

constexpr size_t kMaxInFlight = 12;

}  // namespace

DeletePipeline::DeletePipeline(const Operation& operation)
    : operation_(operation),
      channel_(operation.channels->Borrow()),
      retrier_(operation.MakeRetrier()) {}

DeletePipeline::~DeletePipeline() {
  if (!in_flight_.empty()) channel_->Drop();  // nobody knows what is under way on it
}

absl::Status DeletePipeline::Submit(Request request) {
  while (in_flight_.size() >= kMaxInFlight) DRAY_RETURN_IF_ERROR(Harvest());
  in_flight_.push_back({std::move(request), RandomBytes(16), nullptr});
  // A failure shows again when the answer is waited for.
  Send(&in_flight_.back()).IgnoreError();
  return absl::OkStatus();
}

absl::Status DeletePipeline::Drain() {
  while (!in_flight_.empty()) DRAY_RETURN_IF_ERROR(Harvest());
  return absl::OkStatus();
}

absl::Status DeletePipeline::Send(Flight* flight) {
  wire::v1::Delete question;
  question.set_path(flight->request.path);
  question.set_recursive(flight->request.recursive);
  question.set_operation_id(flight->operation_id);
  DRAY_ASSIGN_OR_RETURN(auto connection, channel_->Connect());
  DRAY_ASSIGN_OR_RETURN(flight->call, Call::Start(std::move(connection), FrameType::kDelete,
                                                  question, FrameType::kChanged));
  return absl::OkStatus();
}

absl::Status DeletePipeline::Harvest() {
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  Flight& oldest = in_flight_.front();
  absl::Status status;
  for (Flight& flight : in_flight_) {
    if (flight.call == nullptr && status.ok()) status = Send(&flight);
  }
  bool lives = false;
  if (status.ok()) {
    wire::v1::Changed answer;
    status = oldest.call->Receive(&answer);
    lives = oldest.call->connection_lives();
  }
  if (status.ok() || (lives && !MayRetry(status))) {
    Report(oldest.request, absl::IsNotFound(status) ? absl::OkStatus() : status);
    in_flight_.pop_front();
    retrier_.Reset();
    return absl::OkStatus();
  }
  for (Flight& flight : in_flight_) flight.call.reset();
  channel_->Drop();
  return retrier_.AfterFailure(status);
}

void DeletePipeline::Report(const Request& request, const absl::Status& status) {
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
