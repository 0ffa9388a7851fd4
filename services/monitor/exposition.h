#ifndef DRAY_SERVICES_MONITOR_EXPOSITION_H_
#define DRAY_SERVICES_MONITOR_EXPOSITION_H_

#include <string>
#include <vector>

#include "services/monitor/instance_registry.h"

namespace dray::monitor {

// The instances' metrics in Prometheus' text format 0.0.4, each series with labels instance and
// service, and dray_up for each instance: 1, or 0 for one that is down. Of those, the gauges are
// left out: they told of a present that is over; counters stay until the instance is forgotten.
std::string Exposition(const std::vector<Instance>& instances);

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_EXPOSITION_H_
