#include "services/monitor/push_service.h"

#include <string>

namespace dray::monitor {

grpc::Status PushService::Push(grpc::ServerContext*, const v1::PushRequest* request,
                               v1::PushResponse*) {
  const absl::Status status = registry_.Take(*request);
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

}  // namespace dray::monitor
