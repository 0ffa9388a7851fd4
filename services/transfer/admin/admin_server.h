#ifndef DRAY_SERVICES_TRANSFER_ADMIN_ADMIN_SERVER_H_
#define DRAY_SERVICES_TRANSFER_ADMIN_ADMIN_SERVER_H_

#include <memory>
#include <string>

#include "core/base/leases.h"
#include "core/base/status.h"
#include "core/net/address.h"
#include "core/segment/segment_store.h"

namespace dray::transfer {

// The admin port: gRPC health, reflection, and the Store service. Health is told for "" (the front
// door serves), for "delta" (what is behind it can be reached), and for "liveness" (there is
// somebody to ask). Thread-safe.
class AdminServer {
 public:
  // `store`, and `operations`, of which each call of Store is one, outlive it.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const Address& address,
                                                            SegmentStore* store,
                                                            Leases* operations);
  // Stops.
  ~AdminServer();

  // "127.0.0.1:5050", with the port that was chosen for port 0.
  std::string address() const;

  void SetServing(bool serving);
  void SetDeltaServing(bool serving);
  void Stop();

 private:
  class Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ADMIN_ADMIN_SERVER_H_
