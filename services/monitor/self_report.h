#ifndef DRAY_SERVICES_MONITOR_SELF_REPORT_H_
#define DRAY_SERVICES_MONITOR_SELF_REPORT_H_

#include <prometheus/registry.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/telemetry/process_metrics.h"
#include "services/monitor/instance_registry.h"

namespace dray::monitor {

// Has monitor's own metrics in the registry as those of an instance like any other. Thread-safe.
class SelfReport {
 public:
  // Both outlive this.
  SelfReport(const prometheus::Registry& metrics, InstanceRegistry& registry);

  // To be called at least as often as an instance may be silent, and before the registry is read.
  void Report();

 private:
  const prometheus::Registry& metrics_;
  InstanceRegistry& registry_;
  const ProcessMetrics process_metrics_;
  const std::string instance_;
  const int64_t started_ns_;
  absl::Mutex mutex_;
  uint64_t sequence_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_SELF_REPORT_H_
