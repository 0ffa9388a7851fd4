#include "services/monitor/snapshot.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/base/path.h"
#include "core/base/version.h"
#include "services/monitor/histogram_summary.h"

namespace dray::monitor {
namespace {

using Json = nlohmann::ordered_json;
using Labels = std::map<std::string, std::string>;

std::string Time(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

std::string Time(int64_t unix_ns) { return Time(absl::FromUnixNanos(unix_ns)); }

double Seconds(absl::Duration duration) {
  return std::round(absl::ToDoubleSeconds(duration) * 1000) / 1000;
}

// Counts are whole and below 2^53 but for peers that make them up.
int64_t Whole(double value) {
  constexpr double kLargest = 9007199254740992;
  return static_cast<int64_t>(std::clamp(value, -kLargest, kLargest));
}

std::string LabelOf(const v1::Series& series, const std::string& name) {
  const auto it = series.labels().find(name);
  return it == series.labels().end() ? "" : it->second;
}

// One pass over all series.
class Totals {
 public:
  void Add(const Instance& instance) {
    for (const v1::Family& family : instance.push->families()) {
      if (family.type() == v1::GAUGE && !instance.up) continue;
      for (const v1::Series& series : family.series()) Add(family, series);
    }
  }

  int64_t Sum(const std::string& name) const {
    const auto family = values_.find(name);
    if (family == values_.end()) return 0;
    double sum = 0;
    for (const auto& [labels, number] : family->second) sum += number;
    return Whole(sum);
  }

  // Sums by the values of one label.
  Json By(const std::string& name, const std::string& label) const {
    std::map<std::string, double> sums;
    const auto family = values_.find(name);
    if (family == values_.end()) return Json::object();
    for (const auto& [labels, number] : family->second) {
      const auto it = labels.find(label);
      if (it != labels.end()) sums[it->second] += number;
    }
    Json by = Json::object();
    for (const auto& [value, sum] : sums) by[value] = Whole(sum);
    return by;
  }

  Json Durations() const {
    Json durations = Json::array();
    for (const auto& [key, histogram] : histograms_) {
      const auto estimate = [&histogram = histogram](double quantile) -> Json {
        const auto seconds = histogram.Quantile(quantile);
        return seconds.has_value() ? Json(*seconds) : Json(nullptr);
      };
      durations.push_back({{"metric", key.first},
                           {"labels", key.second},
                           {"count", histogram.count()},
                           {"sum_seconds", histogram.sum()},
                           {"p50_seconds", estimate(0.5)},
                           {"p99_seconds", estimate(0.99)}});
    }
    return durations;
  }

 private:
  void Add(const v1::Family& family, const v1::Series& series) {
    const Labels labels(series.labels().begin(), series.labels().end());
    if (family.type() != v1::HISTOGRAM) {
      values_[family.name()][labels] += series.value();
    } else if (family.name().ends_with("_seconds")) {
      histograms_[{family.name(), labels}].Add(series);
    } else {
      values_[family.name()][labels] += series.sum();
    }
  }

  std::map<std::string, std::map<Labels, double>> values_;
  std::map<std::pair<std::string, Labels>, HistogramSummary> histograms_;
};

Json InstanceJson(const Instance& instance, absl::Time now) {
  const v1::PushRequest& push = *instance.push;
  double errors = 0;
  for (const v1::Family& family : push.families()) {
    if (family.name() != "dray_errors_total") continue;
    for (const v1::Series& series : family.series()) errors += series.value();
  }
  std::string version;
  for (const v1::Family& family : push.families()) {
    if (family.name() == "dray_build_info" && !family.series().empty()) {
      version = LabelOf(family.series(0), "version");
    }
  }
  return {{"instance", push.instance()},
          {"service", push.service()},
          {"up", instance.up},
          {"health", instance.up          ? "up"
                     : instance.stopped() ? "stopped"
                                          : "down"},
          {"software", push.software()},
          {"version", version},
          {"started", Time(push.started_ns())},
          {"uptime_seconds", Seconds(now - absl::FromUnixNanos(push.started_ns()))},
          {"seconds_since_push", Seconds(instance.since_push)},
          {"errors", Whole(errors)}};
}

Json Connections(const std::vector<Instance>& instances, size_t max_listed) {
  Json list = Json::array();
  for (const Instance& instance : instances) {
    if (!instance.up) continue;
    for (const v1::Connection& connection : instance.push->connections()) {
      if (list.size() == max_listed) return list;
      list.push_back({{"id", connection.id()},
                      {"instance", instance.push->instance()},
                      {"peer", connection.peer()},
                      {"dialect", connection.dialect()},
                      {"since", Time(connection.since_ns())}});
    }
  }
  return list;
}

// Until it ends, if it goes on as it does.
Json SecondsLeft(const v1::Transfer& transfer) {
  const double there =
      static_cast<double>(transfer.bytes_done()) + static_cast<double>(transfer.bytes_saved());
  const double left = static_cast<double>(transfer.bytes_total()) - there;
  if (transfer.bytes_total() == 0 || !(transfer.bytes_per_second() > 0)) return nullptr;
  return std::round(std::max(left, 0.0) / transfer.bytes_per_second() * 10) / 10;
}

Json Transfers(const std::vector<Instance>& instances, size_t max_listed) {
  Json list = Json::array();
  for (const Instance& instance : instances) {
    if (!instance.up) continue;
    for (const v1::Transfer& transfer : instance.push->transfers()) {
      if (list.size() == max_listed) return list;
      list.push_back({{"connection_id", transfer.connection_id()},
                      {"instance", instance.push->instance()},
                      {"path", EscapeName(transfer.path())},
                      {"direction", transfer.direction()},
                      {"mode", transfer.bytes_saved() > 0 ? "delta" : "full"},
                      {"bytes_done", transfer.bytes_done()},
                      {"bytes_total", transfer.bytes_total()},
                      {"bytes_saved", transfer.bytes_saved()},
                      {"bytes_per_second", transfer.bytes_per_second()},
                      {"seconds_left", SecondsLeft(transfer)},
                      {"since", Time(transfer.since_ns())}});
    }
  }
  return list;
}

Json Events(const std::vector<RecentEvent>& events, size_t max_listed) {
  Json list = Json::array();
  for (const RecentEvent& recent : events) {
    if (list.size() == max_listed) break;
    list.push_back({{"time", Time(recent.event.time_ns())},
                    {"level", recent.event.level()},
                    {"service", recent.service},
                    {"instance", recent.instance},
                    {"connection_id", recent.event.connection_id()},
                    {"message", recent.event.message()}});
  }
  return list;
}

// How many instances of each service are up. Transfer and delta are told of even with none.
Json CountUp(const std::vector<Instance>& instances) {
  std::map<std::string, int> up = {{"transfer", 0}, {"delta", 0}};
  for (const Instance& instance : instances) up[instance.push->service()] += instance.up ? 1 : 0;
  return up;
}

}  // namespace

Json MakeSnapshot(const std::vector<Instance>& instances, const std::vector<RecentEvent>& events,
                  absl::Time now, const std::optional<HistoryPoint>& latest, size_t max_listed) {
  Totals totals;
  Json list = Json::array();
  for (const Instance& instance : instances) {
    totals.Add(instance);
    if (list.size() < max_listed) list.push_back(InstanceJson(instance, now));
  }
  const std::string in_progress = "dray_transfers_in_progress";
  const std::string saved = "dray_bytes_saved_total";
  Json snapshot;
  snapshot["time"] = Time(now);
  snapshot["version"] = kVersion;
  snapshot["connections_active"] = totals.Sum("dray_connections_active");
  snapshot["connections_active_by_dialect"] = totals.By("dray_connections_active", "dialect");
  snapshot["transfers_in_progress"] = totals.Sum(in_progress);
  snapshot["transfers_in_progress_by_direction"] = totals.By(in_progress, "direction");
  snapshot["bytes_received_total"] = totals.Sum("dray_bytes_received_total");
  snapshot["bytes_sent_total"] = totals.Sum("dray_bytes_sent_total");
  snapshot["bytes_saved_total"] = totals.Sum(saved);
  snapshot["bytes_saved_by_direction"] = totals.By(saved, "direction");
  // How long the files are that were put and got, of which those were saved.
  snapshot["file_bytes_total"] = totals.Sum("dray_transfer_size_bytes");
  snapshot["files_total"] = totals.Sum("dray_files_total");
  snapshot["errors_total"] = totals.Sum("dray_errors_total");
  snapshot["errors_by_code"] = totals.By("dray_errors_total", "code");
  snapshot["durations"] = totals.Durations();
  snapshot["latest"] = latest.has_value() ? PointJson(*latest) : Json(nullptr);
  snapshot["services_up"] = CountUp(instances);
  snapshot["instances_total"] = instances.size();
  snapshot["instances"] = std::move(list);
  snapshot["connections"] = Connections(instances, max_listed);
  snapshot["transfers"] = Transfers(instances, max_listed);
  snapshot["events_total"] = events.size();
  snapshot["events"] = Events(events, max_listed);
  return snapshot;
}

}  // namespace dray::monitor
