#ifndef DRAY_SERVICES_TRANSFER_ENGINE_DIALECT_METRICS_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_DIALECT_METRICS_H_

#include <array>
#include <string>

#include "absl/status/status.h"
#include "core/telemetry/metrics.h"
#include "services/transfer/engine/activity.h"

namespace dray::transfer {

// One dialect's series of the metrics that all dialects count. Thread-safe.
class DialectMetrics {
 public:
  // `registry` outlives it.
  DialectMetrics(prometheus::Registry& registry, const std::string& dialect);

  struct PerDirection {
    prometheus::Gauge& in_progress;
    prometheus::Counter& saved;
    prometheus::Histogram& duration;
    prometheus::Histogram& size;
    prometheus::Counter& files;
  };

  const PerDirection& of(Direction direction) const {
    return direction == Direction::kUpload ? upload_ : download_;
  }
  void CountError(absl::StatusCode code);

  prometheus::Gauge& connections_active;
  prometheus::Counter& connections;
  prometheus::Counter& bytes_received;
  prometheus::Counter& bytes_sent;
  prometheus::Counter& chunks_received;

 private:
  static constexpr int kCodes = 17;

  PerDirection upload_;
  PerDirection download_;
  std::array<prometheus::Counter*, kCodes> errors_{};
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_DIALECT_METRICS_H_
