#include "core/telemetry/grpc_log.h"

#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

namespace dray {
namespace {

spdlog::level::level_enum LevelOf(gpr_log_severity severity) {
  return severity == GPR_LOG_SEVERITY_ERROR ? spdlog::level::debug : spdlog::level::trace;
}

void Log(gpr_log_func_args* message) {
  spdlog::log(LevelOf(message->severity), "grpc: {}", message->message);
}

}  // namespace

void RouteGrpcLogs() { gpr_set_log_function(Log); }

}  // namespace dray
