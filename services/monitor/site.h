#ifndef DRAY_SERVICES_MONITOR_SITE_H_
#define DRAY_SERVICES_MONITOR_SITE_H_

#include <prometheus/gauge.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "services/monitor/history.h"
#include "services/monitor/http_server.h"
#include "services/monitor/instance_registry.h"

namespace dray::monitor {

// What monitor answers over HTTP: the live page at / with its assets, /metrics, /api/snapshot,
// /api/stream, /api/history, /healthz. GET only (and HEAD). To be used on one thread.
class Site {
 public:
  struct Options {
    // Answer only requests for this machine's own names, so that a web page elsewhere cannot have a
    // browser here read it by pointing a name of its own at 127.0.0.1. For listeners on loopback.
    bool local_names_only = false;
    // Called before what is known is read: monitor's own metrics are brought up to date.
    std::function<void()> refresh;
    // Counts the streams that are open. May be null; outlives the server's last stream.
    prometheus::Gauge* streams = nullptr;
  };

  // Both outlive this.
  Site(Options options, const InstanceRegistry& registry, const History& history);

  HttpResponse Answer(const HttpRequest& request);

  // From now on /healthz says 503. On any thread.
  void BeginStop() { stopping_ = true; }

 private:
  HttpResponse Route(const HttpRequest& request);
  HttpResponse Health() const;
  HttpResponse Metrics() const;
  HttpResponse Snapshot() const;
  HttpResponse Stream();
  // What all streams send now: made once for all of them.
  std::shared_ptr<const std::string> StreamPart();

  const Options options_;
  const InstanceRegistry& registry_;
  const History& history_;
  std::shared_ptr<const std::string> part_;
  absl::Time part_until_ = absl::InfinitePast();
  std::atomic<bool> stopping_{false};
};

// Whether a Host header names this machine by a loopback name or address, with any port. True for
// an empty one: browsers always send it.
bool IsLocalHost(std::string_view host);

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_SITE_H_
