#include "services/monitor/push_service.h"

#include <cstdint>
#include <string>

namespace dray::monitor {

grpc::Status PushService::Push(grpc::ServerContext*, const v1::PushRequest* request,
                               v1::PushResponse* response) {
  const absl::Status status = registry_.Take(*request);
  response->set_pause_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(registry_.Pause())));
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

}  // namespace dray::monitor
