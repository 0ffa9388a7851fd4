#ifndef DRAY_SERVICES_TRANSFER_SERVER_H_
#define DRAY_SERVICES_TRANSFER_SERVER_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/net/address.h"
#include "services/transfer/dialects/native/options.h"
#include "services/transfer/dialects/robust/options.h"
#include "services/transfer/dialects/smart/options.h"
#include "services/transfer/engine/compaction_options.h"

namespace dray::transfer {

// The whole service in one object: store, delta's client, front door, admin port, pushing to
// monitor. Thread-safe.
class Server {
 public:
  struct Options {
    std::vector<Address> listen;
    Address admin;
    std::string data;                                                     // the store's folder
    std::string delta;                                                    // "host:port"
    std::chrono::milliseconds delta_deadline = std::chrono::seconds(30);  // for each answer
    std::string monitor;  // "host:port"; empty: none
    int loops = 1;        // event loop threads
    int disk_threads = 8;
    size_t max_connections = 10'000;
    // Those that are served, of these.
    std::vector<std::string> dialects = {"native", "robust", "smart"};
    native::Options native;
    robust::Options robust;
    smart::Options smart;
    CompactionOptions compaction;
  };

  // Starts everything, or nothing.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options);
  // Stops at once.
  ~Server();

  // Where it listens: the front door's addresses in the order given, and the admin port's.
  std::vector<std::string> listen_addresses() const;
  std::string admin_address() const;

  // Lets no more connections in, finishes what is open within `timeout`, cuts off the rest, and
  // stops. Blocks. Once only.
  void Drain(std::chrono::milliseconds timeout, const std::string& reason);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_SERVER_H_
