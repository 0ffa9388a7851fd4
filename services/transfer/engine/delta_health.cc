#include "services/transfer/engine/delta_health.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "core/base/clock.h"
#include "core/telemetry/logging.h"

namespace dray::transfer {
namespace {

// grpc.health.v1.HealthCheckResponse with status = SERVING, as it is encoded: field 1, varint 1.
constexpr char kServing[] = "\x08\x01";

std::string ToText(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

}  // namespace

DeltaHealth::DeltaHealth(std::shared_ptr<grpc::Channel> channel, absl::Duration period,
                         std::function<void(bool)> on_change)
    : channel_(std::move(channel)),
      period_(period),
      on_change_(std::move(on_change)),
      thread_([this] { Watch(); }) {}

DeltaHealth::~DeltaHealth() { Stop(); }

void DeltaHealth::Stop() {
  std::call_once(stop_once_, [this] {
    stop_.Notify();
    thread_.join();
  });
}

void DeltaHealth::Watch() {
  NameThread("delta-health");
  std::optional<bool> last;
  do {
    const bool healthy = Ask();
    healthy_.store(healthy, std::memory_order_relaxed);
    if (last != healthy && on_change_ && !stop_.HasBeenNotified()) on_change_(healthy);
    last = healthy;
  } while (SleepUnless([this] { return stop_.HasBeenNotified(); }, period_));
}

bool DeltaHealth::Ask() {
  struct Answer {
    grpc::ClientContext context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
    grpc::Status status;
    absl::Notification done;
  } answer;
  const grpc::Slice nothing("", 0);
  answer.request = grpc::ByteBuffer(&nothing, 1);
  answer.context.set_deadline(GrpcDeadline(absl::Seconds(3)));
  grpc::GenericStub stub(channel_);
  stub.UnaryCall(&answer.context, "/grpc.health.v1.Health/Check", grpc::StubOptions(),
                 &answer.request, &answer.response, [&answer](grpc::Status status) {
                   answer.status = std::move(status);
                   answer.done.Notify();
                 });
  while (!answer.done.WaitForNotificationWithTimeout(absl::Milliseconds(50))) {
    if (stop_.HasBeenNotified()) answer.context.TryCancel();
  }
  return answer.status.ok() && ToText(answer.response) == kServing;
}

}  // namespace dray::transfer
