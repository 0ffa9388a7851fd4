#include "services/delta/engine/calls.h"

#include <string>
#include <string_view>
#include <utility>

#include "core/telemetry/logging.h"

namespace dray::delta {
namespace {

// gRPC percent-encodes messages, up to three bytes for one, and takes 8 KiB of headers by default.
constexpr size_t kMaxMessageBytes = 2000;

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string message(status.message());
  if (message.size() > kMaxMessageBytes) {
    message.resize(kMaxMessageBytes);
    message += "...";
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message);
}

void ReadAfterWrites(Catalog& catalog, Catalog::ReadJob job) {
  // Whether an empty job's commit works is of no importance: what fails with it is not there.
  catalog.Write([](CatalogTransaction&) { return absl::OkStatus(); },
                [&catalog, job = std::move(job)](const absl::Status&) { catalog.Read(job); });
}

CallTimer::CallTimer(const grpc::CallbackServerContext& context, DeltaMetrics& metrics,
                     Method method, Leases::Lease lease)
    : metrics_(metrics), method_(method), lease_(std::move(lease)) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("dray-connection");
  if (found == metadata.end()) return;
  const std::string_view id(found->second.data(), found->second.size());
  if (IsConnectionId(id)) connection_id_ = std::string(id);
}

// What is not the caller's fault is worth a warning.
void CallTimer::End(const absl::Status& status) {
  lease_.End();
  const absl::Duration duration = SteadyNow() - start_;
  metrics_.RequestEnded(method_, duration, status.code());
  const bool ours = status.code() == absl::StatusCode::kInternal ||
                    status.code() == absl::StatusCode::kUnknown ||
                    status.code() == absl::StatusCode::kDataLoss ||
                    status.code() == absl::StatusCode::kResourceExhausted;
  LogFor(connection_id_, ours ? spdlog::level::warn : spdlog::level::debug, "{} took {:.1f} ms: {}",
         MethodName(method_), absl::ToDoubleMilliseconds(duration), status.ToString());
}

}  // namespace dray::delta
