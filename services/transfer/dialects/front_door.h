#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_FRONT_DOOR_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_FRONT_DOOR_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/net/address.h"
#include "core/net/event_loops.h"
#include "services/transfer/dialects/dialect.h"

namespace dray::transfer {

// Listens, lets connections in up to a number, finds out by their first bytes which dialect they
// speak, and hands them to it: each on one event loop for its whole life, the loops taken in turn.
class FrontDoor {
 public:
  struct Options {
    std::vector<Address> listen;
    size_t max_connections = 10'000;
    // How long a connection may take to show which dialect it speaks.
    std::chrono::milliseconds first_bytes_timeout{10'000};
  };

  // Listens on every address, or on none. `loops` outlives it, and is stopped before it is
  // destroyed.
  static absl::StatusOr<std::unique_ptr<FrontDoor>> Open(
      EventLoops* loops, std::vector<std::unique_ptr<Dialect>> dialects, const Options& options);
  ~FrontDoor();

  // Where it listens, in the order given, with the ports that were chosen for port 0.
  std::vector<std::string> addresses() const;

  // Stops listening, tells every connection goodbye, waits until all have ended, and cuts off those
  // that have not after `timeout`. Blocks until nothing is left; not to be called on an event loop.
  // Once only.
  void Drain(std::chrono::milliseconds timeout);

 private:
  class Impl;
  explicit FrontDoor(std::shared_ptr<Impl> impl);

  const std::shared_ptr<Impl> impl_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_FRONT_DOOR_H_
