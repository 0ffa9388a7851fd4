#include "services/monitor/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <utility>

namespace dray::monitor {
namespace {

prometheus::MetricType TypeOf(v1::MetricType type) {
  switch (type) {
    case v1::COUNTER:
      return prometheus::MetricType::Counter;
    case v1::HISTOGRAM:
      return prometheus::MetricType::Histogram;
    default:
      return prometheus::MetricType::Gauge;
  }
}

prometheus::ClientMetric Labelled(const Instance& instance) {
  prometheus::ClientMetric metric;
  metric.label.push_back({"service", instance.push->service()});
  metric.label.push_back({"instance", instance.push->instance()});
  return metric;
}

prometheus::ClientMetric MetricOf(const Instance& instance, const v1::Series& series,
                                  v1::MetricType type) {
  prometheus::ClientMetric metric = Labelled(instance);
  const std::map<std::string, std::string> sorted(series.labels().begin(), series.labels().end());
  for (const auto& [name, value] : sorted) metric.label.push_back({name, value});
  if (type == v1::COUNTER) {
    metric.counter.value = series.value();
  } else if (type == v1::GAUGE) {
    metric.gauge.value = series.value();
  } else {
    metric.histogram.sample_count = series.count();
    metric.histogram.sample_sum = series.sum();
    for (const v1::Bucket& bucket : series.buckets()) {
      metric.histogram.bucket.push_back({bucket.cumulative_count(), bucket.upper_bound()});
    }
  }
  return metric;
}

prometheus::MetricFamily Up(const std::vector<Instance>& instances) {
  prometheus::MetricFamily family{
      "dray_up",
      "1 if the instance pushes its metrics, 0 if it is silent or stopped.",
      prometheus::MetricType::Gauge,
      {}};
  for (const Instance& instance : instances) {
    family.metric.push_back(Labelled(instance));
    family.metric.back().gauge.value = instance.up ? 1 : 0;
  }
  return family;
}

}  // namespace

std::string Exposition(const std::vector<Instance>& instances) {
  std::map<std::string, prometheus::MetricFamily> by_name;
  for (const Instance& instance : instances) {
    for (const v1::Family& from : instance.push->families()) {
      if (!instance.up && from.type() == v1::GAUGE) continue;
      prometheus::MetricFamily& family = by_name[from.name()];
      if (family.name.empty()) {
        family = {from.name(), from.help(), TypeOf(from.type()), {}};
      }
      for (const v1::Series& series : from.series()) {
        family.metric.push_back(MetricOf(instance, series, from.type()));
      }
    }
  }
  std::vector<prometheus::MetricFamily> families;
  if (!instances.empty()) families.push_back(Up(instances));
  for (auto& [name, family] : by_name) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace dray::monitor
