#include "services/delta/engine/calls.h"

#include <string>

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

}  // namespace dray::delta
