#ifndef DRAY_SERVICES_MONITOR_PUSH_POLICY_H_
#define DRAY_SERVICES_MONITOR_PUSH_POLICY_H_

#include <cstdint>
#include <map>
#include <string>

#include "core/base/status.h"
#include "dray/monitor/v1/monitor.pb.h"

// What a push may contain, whoever sends it. Pure functions.
namespace dray::monitor {

inline constexpr int kMaxSeriesPerInstance = 1000;
inline constexpr int kMaxBuckets = 64;
inline constexpr size_t kMaxMetricNameBytes = 128;
inline constexpr size_t kMaxHelpBytes = 256;
inline constexpr size_t kMaxLabelValueBytes = 64;
inline constexpr size_t kMaxEventTextBytes = 4096;
inline constexpr int kMaxListed = 1000;  // events, connections, transfers of one push

// How many things were refused, by reason. The reasons are a fixed few.
using Refusals = std::map<std::string, int64_t>;

// INVALID_ARGUMENT unless the instance is 1 to 64 and the service 1 to 32 bytes of a-z, 0-9 and
// '-', and the software's name is short.
absl::Status CheckIdentity(const v1::PushRequest& push);

// Takes out of `push` whatever is not allowed and counts it.
//
// Families stay whose name is dray_... or process_..., of a-z, 0-9 and '_', and not dray_up; whose
// type is known; whose help is one line of ASCII, at most 256 bytes; and no name twice.
//
// Series stay, 1000 of them, whose labels have known names (instance, service and le are monitor's
// to add) and values of at most 64 bytes; no two alike. Counters are finite and not negative;
// histograms have rising bounds up to +Inf and counts that add up.
//
// Of events, connections and transfers 1000 each stay, with short texts, and a level or direction
// that is known.
void RemoveInadmissible(v1::PushRequest* push, Refusals* refusals);

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_PUSH_POLICY_H_
