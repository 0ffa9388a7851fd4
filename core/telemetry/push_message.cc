#include "core/telemetry/push_message.h"

#include <optional>

#include "core/telemetry/log_format.h"

namespace dray {
namespace {

std::optional<monitor::v1::MetricType> TypeOf(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return monitor::v1::COUNTER;
    case prometheus::MetricType::Gauge:
      return monitor::v1::GAUGE;
    case prometheus::MetricType::Histogram:
      return monitor::v1::HISTOGRAM;
    default:
      return std::nullopt;
  }
}

void FillSeries(const prometheus::ClientMetric& metric, monitor::v1::MetricType type,
                monitor::v1::Series* series) {
  for (const auto& label : metric.label) (*series->mutable_labels())[label.name] = label.value;
  if (type == monitor::v1::COUNTER) {
    series->set_value(metric.counter.value);
  } else if (type == monitor::v1::GAUGE) {
    series->set_value(metric.gauge.value);
  } else {
    series->set_sum(metric.histogram.sample_sum);
    series->set_count(metric.histogram.sample_count);
    for (const auto& from : metric.histogram.bucket) {
      monitor::v1::Bucket* bucket = series->add_buckets();
      bucket->set_upper_bound(from.upper_bound);
      bucket->set_cumulative_count(from.cumulative_count);
    }
  }
}

// Cut after escaping, so that the cut can only split an escape or a character: the latter is taken
// off.
std::string Fit(const std::string& text) {
  std::string fit = EscapeControls(text.substr(0, kMaxEventTextBytes));
  if (fit.size() <= kMaxEventTextBytes) return fit;
  size_t end = kMaxEventTextBytes;
  while (end > 0 && (static_cast<uint8_t>(fit[end]) & 0xC0) == 0x80) --end;
  fit.resize(end);
  return fit;
}

template <typename Repeated>
void DropHalf(Repeated* items) {
  items->DeleteSubrange(items->size() / 2, items->size() - items->size() / 2);
}

}  // namespace

void AddFamilies(const std::vector<prometheus::MetricFamily>& families,
                 monitor::v1::PushRequest* request) {
  for (const auto& from : families) {
    const auto type = TypeOf(from.type);
    if (!type.has_value()) continue;
    monitor::v1::Family* family = request->add_families();
    family->set_name(from.name);
    family->set_help(from.help);
    family->set_type(*type);
    for (const auto& metric : from.metric) FillSeries(metric, *type, family->add_series());
  }
}

monitor::v1::Event MakeEvent(const std::string& level, const std::string& message,
                             const std::string& connection_id) {
  monitor::v1::Event event;
  event.set_level(Fit(level));
  event.set_message(Fit(message));
  event.set_connection_id(Fit(connection_id));
  return event;
}

void LimitSize(monitor::v1::PushRequest* request) {
  while (request->ByteSizeLong() > kMaxPushBytes) {
    if (!request->transfers().empty()) {
      DropHalf(request->mutable_transfers());
    } else if (!request->connections().empty()) {
      DropHalf(request->mutable_connections());
    } else if (!request->events().empty()) {
      DropHalf(request->mutable_events());
    } else {
      return;
    }
  }
}

}  // namespace dray
