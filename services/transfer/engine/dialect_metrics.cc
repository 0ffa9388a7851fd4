#include "services/transfer/engine/dialect_metrics.h"

namespace dray::transfer {
namespace {

DialectMetrics::PerDirection MakeDirection(prometheus::Registry& registry,
                                           const std::string& dialect,
                                           const std::string& direction) {
  const prometheus::Labels labels = {{"dialect", dialect}, {"direction", direction}};
  return {metrics::TransfersInProgress(registry).Add(labels),
          metrics::BytesSaved(registry).Add(labels),
          metrics::TransferDuration(registry).Add(labels, metrics::TransferBuckets()),
          metrics::TransferSize(registry).Add(labels, metrics::SizeBuckets()),
          metrics::Files(registry).Add(labels)};
}

}  // namespace

DialectMetrics::DialectMetrics(prometheus::Registry& registry, const std::string& dialect)
    : connections_active(metrics::ConnectionsActive(registry).Add({{"dialect", dialect}})),
      connections(metrics::Connections(registry).Add({{"dialect", dialect}})),
      bytes_received(metrics::BytesReceived(registry).Add({{"dialect", dialect}})),
      bytes_sent(metrics::BytesSent(registry).Add({{"dialect", dialect}})),
      chunks_received(metrics::ChunksReceived(registry).Add({{"dialect", dialect}})),
      upload_(MakeDirection(registry, dialect, "upload")),
      download_(MakeDirection(registry, dialect, "download")) {
  for (int code = 1; code < kCodes; ++code) {
    const std::string name = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
    errors_[code] = &metrics::Errors(registry).Add({{"dialect", dialect}, {"code", name}});
  }
}

void DialectMetrics::CountError(absl::StatusCode code) {
  const int index = static_cast<int>(code);
  if (index > 0 && index < kCodes) errors_[index]->Increment();
}

}  // namespace dray::transfer
