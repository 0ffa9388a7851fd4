#ifndef DRAY_CORE_TELEMETRY_PUSH_MESSAGE_H_
#define DRAY_CORE_TELEMETRY_PUSH_MESSAGE_H_

#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "dray/monitor/v1/monitor.pb.h"

// What a push to monitor consists of, apart from sending it.
namespace dray {

inline constexpr size_t kMaxEventTextBytes = 1024;
// Below gRPC's limit of 4 MiB for what a server accepts.
inline constexpr size_t kMaxPushBytes = 3584 * 1024;

// Adds counters, gauges and histograms; summaries and untyped metrics are left out.
void AddFamilies(const std::vector<prometheus::MetricFamily>& families,
                 monitor::v1::PushRequest* request);

// An event without its time. Texts are made fit for proto3 strings and for a log, and cut to
// kMaxEventTextBytes.
monitor::v1::Event MakeEvent(const std::string& level, const std::string& message,
                             const std::string& connection_id);

// Drops transfers, connections and then the newest events (which the next push has) until the
// request is at most kMaxPushBytes.
void LimitSize(monitor::v1::PushRequest* request);

}  // namespace dray

#endif  // DRAY_CORE_TELEMETRY_PUSH_MESSAGE_H_
