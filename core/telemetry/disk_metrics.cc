#include "core/telemetry/disk_metrics.h"

#include <sys/statvfs.h>

namespace dray {
namespace {

prometheus::MetricFamily Gauge(const char* name, const char* help, double value) {
  prometheus::MetricFamily family{name, help, prometheus::MetricType::Gauge, {}};
  family.metric.emplace_back();
  family.metric.back().gauge.value = value;
  return family;
}

}  // namespace

std::vector<prometheus::MetricFamily> DiskMetrics::Collect() const {
  struct statvfs disk = {};
  if (statvfs(path_.c_str(), &disk) != 0) return {};
  const double block = static_cast<double>(disk.f_frsize);
  return {Gauge("dray_disk_size_bytes", "Size of the disk that holds the service's data.",
                block * static_cast<double>(disk.f_blocks)),
          Gauge("dray_disk_free_bytes", "Room left on the disk that holds the service's data.",
                block * static_cast<double>(disk.f_bavail))};
}

}  // namespace dray
