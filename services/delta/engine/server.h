#ifndef DRAY_SERVICES_DELTA_ENGINE_SERVER_H_
#define DRAY_SERVICES_DELTA_ENGINE_SERVER_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "core/base/status.h"
#include "services/delta/catalog/catalog.h"
#include "services/delta/engine/delta_metrics.h"

namespace dray::delta {

// The gRPC server: the delta service, health and reflection on one address.
class DeltaServer {
 public:
  struct Options {
    std::string listen;  // "127.0.0.1:5051"; port 0: any free one
    NowFunction now;
    absl::Duration collect_every;  // what nothing refers to; zero: only when asked
  };

  // `catalog` and `metrics` outlive the server. UNAVAILABLE when the address cannot be had.
  static absl::StatusOr<std::unique_ptr<DeltaServer>> Start(Options options, Catalog* catalog,
                                                            DeltaMetrics* metrics);
  virtual ~DeltaServer() = default;

  virtual int port() const = 0;
  // Says NOT_SERVING, takes no new calls, lets those that run end within `deadline`, and then
  // cancels them. To be called once, before destruction.
  virtual void Stop(absl::Duration deadline) = 0;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_SERVER_H_
