#include "services/monitor/histogram_summary.h"

#include <cstddef>

namespace dray::monitor {

bool HistogramSummary::Add(const v1::Series& series) {
  const auto& buckets = series.buckets();
  const size_t size = static_cast<size_t>(buckets.size());
  if (bounds_.empty()) {
    for (const v1::Bucket& bucket : buckets) bounds_.push_back(bucket.upper_bound());
    cumulative_.resize(size);
  }
  if (size != bounds_.size()) return false;
  for (size_t i = 0; i < size; ++i) {
    if (buckets[static_cast<int>(i)].upper_bound() != bounds_[i]) return false;
  }
  for (size_t i = 0; i < size; ++i) {
    cumulative_[i] += buckets[static_cast<int>(i)].cumulative_count();
  }
  count_ += series.count();
  sum_ += series.sum();
  return true;
}

std::optional<double> HistogramSummary::Quantile(double quantile) const {
  if (count_ == 0) return std::nullopt;
  const double rank = quantile * static_cast<double>(count_);
  size_t i = 0;
  while (i + 1 < cumulative_.size() && static_cast<double>(cumulative_[i]) < rank) ++i;
  if (i + 1 == cumulative_.size()) {
    if (i == 0) return std::nullopt;
    return bounds_[i - 1];
  }
  const double low = i == 0 ? 0 : bounds_[i - 1];
  const double below = i == 0 ? 0 : static_cast<double>(cumulative_[i - 1]);
  const double inside = static_cast<double>(cumulative_[i]) - below;
  if (inside <= 0 || bounds_[i] <= 0) return bounds_[i];
  return low + (bounds_[i] - low) * (rank - below) / inside;
}

}  // namespace dray::monitor
