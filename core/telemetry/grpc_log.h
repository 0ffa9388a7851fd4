#ifndef DRAY_CORE_TELEMETRY_GRPC_LOG_H_
#define DRAY_CORE_TELEMETRY_GRPC_LOG_H_

namespace dray {

// Has gRPC log through spdlog's default logger, in our format, instead of to standard error in its
// own. Its errors are for debugging here: what they mean for us, our own lines tell, from the
// statuses that it returns. To be called once, after StartLogging and before gRPC is used.
void RouteGrpcLogs();

}  // namespace dray

#endif  // DRAY_CORE_TELEMETRY_GRPC_LOG_H_
