#ifndef DRAY_SERVICES_DELTA_SERVE_H_
#define DRAY_SERVICES_DELTA_SERVE_H_

#include <chrono>
#include <string>

#include "core/base/status.h"
#include "core/daemon/daemon.h"

namespace dray::delta {

struct ServeFlags {
  DaemonFlags daemon;
  std::string listen = "127.0.0.1:5051";
  std::string catalog;                       // "sqlite:FILE"
  std::string monitor;                       // "HOST:PORT"; empty: nothing is pushed
  std::chrono::seconds collect_every{3600};  // 0: only when asked
  bool allow_anyone = false;  // listen off loopback, where nobody is asked who they are
};

// Runs the service until SIGTERM or SIGINT. An error says why it could not start.
absl::Status Serve(const ServeFlags& flags);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_SERVE_H_
