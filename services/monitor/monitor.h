#ifndef DRAY_SERVICES_MONITOR_MONITOR_H_
#define DRAY_SERVICES_MONITOR_MONITOR_H_

#include <memory>
#include <string>

#include "core/base/status.h"

namespace dray::monitor {

// The running service: a gRPC server that takes pushes (with health and reflection) and an HTTP
// server that shows them.
class Monitor {
 public:
  struct Options {
    std::string listen = "127.0.0.1:5052";  // gRPC; port 0: any free one
    std::string http = "127.0.0.1:8000";
    // Without it, both must be on loopback: anyone who reaches them can push and read.
    bool allow_anyone = false;
  };

  // Listens when it returns. Errors name the address: INVALID_ARGUMENT for one that is wrong or not
  // allowed, else it cannot be had.
  static absl::StatusOr<std::unique_ptr<Monitor>> Start(const Options& options);
  // Stops within 4 s: what is under way ends or is cut.
  ~Monitor();

  // Where they listen: "127.0.0.1:5052".
  const std::string& grpc_address() const;
  const std::string& http_address() const;

 private:
  class Impl;
  explicit Monitor(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_MONITOR_H_
