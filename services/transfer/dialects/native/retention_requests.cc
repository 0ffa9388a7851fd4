#include "services/transfer/dialects/native/retention_requests.h"

#include <algorithm>
#include <utility>

#include "services/transfer/dialects/native/connection.h"
#include "services/transfer/engine/delta_client.h"

namespace dray::transfer::native {
namespace {

using boost::asio::awaitable;

// Of one answer: long enough for answers to be few.
constexpr size_t kFrameBytes = 256 * 1024;
// More than what a rule's own encoding takes in the list that holds it.
constexpr size_t kRuleOverheadBytes = 8;

absl::Status Explain(const absl::Status& status) {
  if (!absl::IsUnimplemented(status)) return status;
  return absl::UnimplementedError(
      "the server's delta service is older than its front door and knows no rules of retention; "
      "upgrade dray-delta");
}

}  // namespace

awaitable<void> SetRetention(std::shared_ptr<Connection> connection, uint16_t request,
                             wire::v1::SetRetention set) {
  delta::v1::SetRetentionRequest ask;
  *ask.mutable_retention() = std::move(*set.mutable_retention());
  ask.set_remove(set.remove());
  const auto response = co_await connection->engine().delta->SetRetention(
      std::move(ask), connection->activity().info().id);
  if (!response.ok()) co_return connection->FinishWithError(request, Explain(response.status()));
  wire::v1::Retentions done;
  done.set_last(true);
  connection->Finish(request, FrameType::kRetentions, done);
}

awaitable<void> ListRetentions(std::shared_ptr<Connection> connection, uint16_t request,
                               wire::v1::ListRetentions) {
  auto response =
      co_await connection->engine().delta->ListRetentions({}, connection->activity().info().id);
  if (!response.ok()) co_return connection->FinishWithError(request, Explain(response.status()));
  const size_t limit = std::min(kFrameBytes, connection->max_payload_bytes());
  wire::v1::Retentions frame;
  size_t frame_bytes = 0;
  for (wire::v1::Retention& rule : *response->mutable_retentions()) {
    const size_t bytes = rule.ByteSizeLong() + kRuleOverheadBytes;
    if (frame_bytes + bytes > limit && frame_bytes > 0) {
      connection->Answer(request, FrameType::kRetentions, frame);
      frame.Clear();
      frame_bytes = 0;
      co_await connection->transport().WaitForRoom();
    }
    *frame.add_retentions() = std::move(rule);
    frame_bytes += bytes;
  }
  frame.set_last(true);
  connection->Finish(request, FrameType::kRetentions, frame);
}

}  // namespace dray::transfer::native
