#ifndef DRAY_CORE_TELEMETRY_DISK_METRICS_H_
#define DRAY_CORE_TELEMETRY_DISK_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace dray {

// The disk that a service keeps its data on: dray_disk_size_bytes, and dray_disk_free_bytes, which
// is what the service may still write. Nothing while `path`, a file or folder on it, cannot be
// looked at. Thread-safe.
class DiskMetrics : public prometheus::Collectable {
 public:
  explicit DiskMetrics(std::string path) : path_(std::move(path)) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::string path_;
};

}  // namespace dray

#endif  // DRAY_CORE_TELEMETRY_DISK_METRICS_H_
