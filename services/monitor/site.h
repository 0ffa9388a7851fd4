#ifndef DRAY_SERVICES_MONITOR_SITE_H_
#define DRAY_SERVICES_MONITOR_SITE_H_

#include <atomic>
#include <functional>
#include <string_view>

#include "services/monitor/http_server.h"
#include "services/monitor/instance_registry.h"

namespace dray::monitor {

// What monitor answers over HTTP: / and /style.css, /metrics, /api/snapshot, /healthz. GET only
// (and HEAD). Thread-safe.
class Site {
 public:
  struct Options {
    // Answer only requests for this machine's own names, so that a web page elsewhere cannot have a
    // browser here read it by pointing a name of its own at 127.0.0.1. For listeners on loopback.
    bool local_names_only = false;
    // Called before what is known is read: monitor's own metrics are brought up to date.
    std::function<void()> refresh;
  };

  // `registry` outlives this.
  Site(Options options, const InstanceRegistry& registry);

  HttpResponse Answer(const HttpRequest& request) const;

  // From now on /healthz says 503.
  void BeginStop() { stopping_ = true; }

 private:
  HttpResponse Health() const;
  HttpResponse Metrics() const;
  HttpResponse Snapshot() const;
  HttpResponse Page() const;

  const Options options_;
  const InstanceRegistry& registry_;
  std::atomic<bool> stopping_{false};
};

// Whether a Host header names this machine by a loopback name or address, with any port. True for
// an empty one: browsers always send it.
bool IsLocalHost(std::string_view host);

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_SITE_H_
