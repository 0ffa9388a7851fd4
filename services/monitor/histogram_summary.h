#ifndef DRAY_SERVICES_MONITOR_HISTOGRAM_SUMMARY_H_
#define DRAY_SERVICES_MONITOR_HISTOGRAM_SUMMARY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "dray/monitor/v1/monitor.pb.h"

namespace dray::monitor {

// The sum of several histograms with the same bounds.
class HistogramSummary {
 public:
  // False, and nothing added, if the bounds are not those of the first.
  bool Add(const v1::Series& series);

  uint64_t count() const { return count_; }
  double sum() const { return sum_; }

  // An estimate as Prometheus' histogram_quantile makes it: linear within a bucket, from 0 in the
  // first one; the highest finite bound where it lies beyond. Nothing without observations.
  // REQUIRES: 0 < quantile < 1.
  std::optional<double> Quantile(double quantile) const;

 private:
  std::vector<double> bounds_;
  std::vector<uint64_t> cumulative_;
  uint64_t count_ = 0;
  double sum_ = 0;
};

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_HISTOGRAM_SUMMARY_H_
