#ifndef DRAY_SERVICES_MONITOR_HISTORY_H_
#define DRAY_SERVICES_MONITOR_HISTORY_H_

#include <cstdint>
#include <deque>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/monitor/instance_registry.h"

namespace dray::monitor {

// What all instances together did within one period.
struct HistoryPoint {
  absl::Time time;  // the period's end
  double received_per_second = 0;
  double sent_per_second = 0;
  double saved_per_second = 0;
  int64_t connections = 0;
  int64_t transfers = 0;
  // Of requests to delta that ended in the period, but for Compare..., which last as long as the
  // upload they serve. Nothing without requests.
  std::optional<double> request_p50_seconds;
  std::optional<double> request_p99_seconds;
};

// The last 15 minutes, one point for each 5 s, for the page's charts. Rates are differences of each
// instance's own counters, so that one that restarts or is forgotten makes no step; what an
// instance counted before it was first seen counts for none. Memory is bounded: it keeps a few
// numbers of each instance that the registry has. Thread-safe.
class History {
 public:
  static constexpr absl::Duration kPeriod = absl::Seconds(5);
  static constexpr size_t kPoints = 180;

  // To be called often; makes a point when a period has passed.
  void Sample(const std::vector<Instance>& instances, absl::Time now);
  bool IsDue(absl::Time now) const;

  // Oldest first.
  std::vector<HistoryPoint> Points() const;
  std::optional<HistoryPoint> Latest() const;

 private:
  struct Counters {
    int64_t started_ns = 0;
    double received = 0;
    double sent = 0;
    double saved = 0;
    // Cumulative counts of requests within each bound.
    std::map<double, double> requests;
  };
  struct Sums;
  static Counters CountersOf(const Instance& instance, HistoryPoint* point);
  static void AddDifference(const Counters& now, const Counters& before, Sums* sums);

  mutable absl::Mutex mutex_;
  absl::Time last_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::map<std::string, Counters> before_ ABSL_GUARDED_BY(mutex_);
  std::deque<HistoryPoint> points_ ABSL_GUARDED_BY(mutex_);
};

nlohmann::ordered_json HistoryJson(const History& history);
nlohmann::ordered_json PointJson(const HistoryPoint& point);

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_HISTORY_H_
