#ifndef DRAY_SERVICES_MONITOR_SNAPSHOT_H_
#define DRAY_SERVICES_MONITOR_SNAPSHOT_H_

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "services/monitor/history.h"
#include "services/monitor/instance_registry.h"

namespace dray::monitor {

// What all instances together do now, and have done, as /api/snapshot tells it (README.md has an
// example). Totals count the instances that are known; what happens now (connections, transfers)
// only those that are up. Paths are escaped (EscapeName). Each list has at most `max_listed`
// entries; `latest` is what the history tells last.
nlohmann::ordered_json MakeSnapshot(const std::vector<Instance>& instances,
                                    const std::vector<RecentEvent>& events, absl::Time now,
                                    const std::optional<HistoryPoint>& latest = std::nullopt,
                                    size_t max_listed = 1000);

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_SNAPSHOT_H_
