#ifndef DRAY_CORE_TELEMETRY_PROCESS_METRICS_H_
#define DRAY_CORE_TELEMETRY_PROCESS_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <string>
#include <vector>

namespace dray {

// What every program tells of itself: process_cpu_seconds_total, process_resident_memory_bytes,
// process_open_fds, process_max_fds, process_start_time_seconds (when this object was made), and
// dray_build_info{version}. What cannot be read is left out. Thread-safe.
class ProcessMetrics : public prometheus::Collectable {
 public:
  ProcessMetrics();
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  double start_time_seconds_ = 0;
};

}  // namespace dray

#endif  // DRAY_CORE_TELEMETRY_PROCESS_METRICS_H_
