#ifndef DRAY_CORE_TELEMETRY_MONITOR_PUSHER_H_
#define DRAY_CORE_TELEMETRY_MONITOR_PUSHER_H_

#include <prometheus/collectable.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace dray::monitor::v1 {
class PushRequest;
}

namespace dray {

// Pushes metrics and events to the monitor service, from a thread of its own. Thread-safe. Nobody
// ever waits for it: with no monitor it keeps trying, keeps the latest 1000 events until a push was
// taken, and logs the loss once and the return once.
class MonitorPusher {
 public:
  struct Options {
    std::string address;                              // "host:5052"; empty: nothing is pushed
    std::string service;                              // "transfer"
    absl::Duration period = absl::Milliseconds(250);  // longer where monitor asks for it
    // Adds to each push what is not a metric: connections, transfers. May be empty. Called on the
    // pusher's thread.
    std::function<void(monitor::v1::PushRequest*)> fill;
  };

  // Collects from every source on the pusher's thread: a prometheus::Registry, and ProcessMetrics.
  MonitorPusher(Options options, std::vector<std::shared_ptr<prometheus::Collectable>> sources);
  // Pushes once more (waiting at most 1 s) and ends the thread.
  ~MonitorPusher();

  // Unique to this run of this program: "transfer-1f3a9c".
  const std::string& instance() const;

  // `level` is "info", "warning" or "error". Never blocks on the network.
  void ReportEvent(const std::string& level, const std::string& message,
                   const std::string& connection_id = "");
  // Whether the last push was taken. True as well when there is nothing to push to.
  bool healthy() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dray

#endif  // DRAY_CORE_TELEMETRY_MONITOR_PUSHER_H_
