#ifndef DRAY_SERVICES_MONITOR_PUSH_SERVICE_H_
#define DRAY_SERVICES_MONITOR_PUSH_SERVICE_H_

#include "dray/monitor/v1/monitor.grpc.pb.h"
#include "services/monitor/instance_registry.h"

namespace dray::monitor {

// The gRPC service dray.monitor.v1.Monitor: passes pushes on to the registry, which outlives it.
// Thread-safe.
class PushService : public v1::Monitor::Service {
 public:
  explicit PushService(InstanceRegistry& registry) : registry_(registry) {}

  grpc::Status Push(grpc::ServerContext* context, const v1::PushRequest* request,
                    v1::PushResponse* response) override;

 private:
  InstanceRegistry& registry_;
};

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_PUSH_SERVICE_H_
