#include "services/monitor/history.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace dray::monitor {
namespace {

using Json = nlohmann::ordered_json;

double SumOf(const v1::Family& family) {
  double sum = 0;
  for (const v1::Series& series : family.series()) sum += series.value();
  return sum;
}

// The bound below which `quantile` of the counts lie, linear within a bucket.
std::optional<double> Quantile(const std::map<double, double>& cumulative, double quantile) {
  if (cumulative.empty() || cumulative.rbegin()->second <= 0) return std::nullopt;
  const double rank = quantile * cumulative.rbegin()->second;
  double low = 0;
  double below = 0;
  for (const auto& [bound, count] : cumulative) {
    if (count >= rank && std::isinf(bound)) return low;
    if (count >= rank) return low + (bound - low) * (rank - below) / std::max(count - below, 1e-9);
    low = bound;
    below = count;
  }
  return low;
}

Json Number(const std::optional<double>& value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

}  // namespace

struct History::Sums {
  double received = 0;
  double sent = 0;
  double saved = 0;
  std::map<double, double> requests;
};

// Adds what is true now rather than counted to `point`.
History::Counters History::CountersOf(const Instance& instance, HistoryPoint* point) {
  Counters counters;
  counters.started_ns = instance.push->started_ns();
  for (const v1::Family& family : instance.push->families()) {
    const std::string& name = family.name();
    if (name == "dray_bytes_received_total") counters.received = SumOf(family);
    if (name == "dray_bytes_sent_total") counters.sent = SumOf(family);
    if (name == "dray_bytes_saved_total") counters.saved = SumOf(family);
    if (name == "dray_connections_active" && instance.up) {
      point->connections += static_cast<int64_t>(std::clamp(SumOf(family), 0.0, 1e15));
    }
    if (name == "dray_transfers_in_progress" && instance.up) {
      point->transfers += static_cast<int64_t>(std::clamp(SumOf(family), 0.0, 1e15));
    }
    if (name != "dray_delta_request_duration_seconds") continue;
    for (const v1::Series& series : family.series()) {
      const auto method = series.labels().find("method");
      if (method != series.labels().end() && method->second.starts_with("Compare")) {
        continue;
      }
      for (const v1::Bucket& bucket : series.buckets()) {
        const double bound = bucket.upper_bound();
        // All ours have the same bounds; those who lie get no more room.
        if (counters.requests.size() >= kMaxBuckets && !counters.requests.contains(bound)) continue;
        counters.requests[bound] += static_cast<double>(bucket.cumulative_count());
      }
    }
  }
  return counters;
}

void History::AddDifference(const Counters& now, const Counters& before, Sums* sums) {
  sums->received += std::max(now.received - before.received, 0.0);
  sums->sent += std::max(now.sent - before.sent, 0.0);
  sums->saved += std::max(now.saved - before.saved, 0.0);
  for (const auto& [bound, count] : now.requests) {
    const auto found = before.requests.find(bound);
    const double earlier = found == before.requests.end() ? 0 : found->second;
    sums->requests[bound] += std::max(count - earlier, 0.0);
  }
}

bool History::IsDue(absl::Time now) const {
  absl::MutexLock lock(&mutex_);
  return now - last_ >= kPeriod || now < last_;
}

void History::Sample(const std::vector<Instance>& instances, absl::Time now) {
  if (!IsDue(now)) return;
  absl::MutexLock lock(&mutex_);
  HistoryPoint point;
  point.time = now;
  Sums sums;
  std::map<std::string, Counters> seen;
  for (const Instance& instance : instances) {
    Counters counters = CountersOf(instance, &point);
    const auto before = before_.find(instance.push->instance());
    if (before != before_.end() && before->second.started_ns == counters.started_ns) {
      AddDifference(counters, before->second, &sums);
    } else if (counters.started_ns > absl::ToUnixNanos(last_)) {
      AddDifference(counters, Counters(), &sums);  // it began within this period
    }
    seen.emplace(instance.push->instance(), std::move(counters));
  }
  const bool first = last_ == absl::InfinitePast();
  const double seconds = first ? 0 : absl::ToDoubleSeconds(now - last_);
  before_ = std::move(seen);
  last_ = now;
  if (seconds <= 0) return;
  point.received_per_second = sums.received / seconds;
  point.sent_per_second = sums.sent / seconds;
  point.saved_per_second = sums.saved / seconds;
  point.request_p50_seconds = Quantile(sums.requests, 0.5);
  point.request_p99_seconds = Quantile(sums.requests, 0.99);
  points_.push_back(point);
  if (points_.size() > kPoints) points_.pop_front();
}

std::vector<HistoryPoint> History::Points() const {
  absl::MutexLock lock(&mutex_);
  return {points_.begin(), points_.end()};
}

std::optional<HistoryPoint> History::Latest() const {
  absl::MutexLock lock(&mutex_);
  if (points_.empty()) return std::nullopt;
  return points_.back();
}

Json PointJson(const HistoryPoint& point) {
  return {{"time_ms", absl::ToUnixMillis(point.time)},
          {"received_per_second", point.received_per_second},
          {"sent_per_second", point.sent_per_second},
          {"saved_per_second", point.saved_per_second},
          {"connections", point.connections},
          {"transfers", point.transfers},
          {"request_p50_seconds", Number(point.request_p50_seconds)},
          {"request_p99_seconds", Number(point.request_p99_seconds)}};
}

Json HistoryJson(const History& history) {
  Json json;
  json["period_seconds"] = absl::ToDoubleSeconds(History::kPeriod);
  json["points"] = Json::array();
  for (const HistoryPoint& point : history.Points()) json["points"].push_back(PointJson(point));
  return json;
}

}  // namespace dray::monitor
