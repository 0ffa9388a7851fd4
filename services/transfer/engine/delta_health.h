#ifndef DRAY_SERVICES_TRANSFER_ENGINE_DELTA_HEALTH_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_DELTA_HEALTH_H_

#include <grpcpp/channel.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace dray::transfer {

// Asks a gRPC server's health service again and again, on a thread of its own. Thread-safe.
class DeltaHealth {
 public:
  // `on_change` is told, on that thread, the first answer and then each change. May be empty.
  DeltaHealth(std::shared_ptr<grpc::Channel> channel, absl::Duration period,
              std::function<void(bool)> on_change);
  // Stops.
  ~DeltaHealth();

  // Whether the server said SERVING when it was last asked.
  bool healthy() const { return healthy_.load(std::memory_order_relaxed); }

  void Stop();

 private:
  void Watch();
  bool Ask();

  const std::shared_ptr<grpc::Channel> channel_;
  const absl::Duration period_;
  const std::function<void(bool)> on_change_;
  std::atomic<bool> healthy_{false};
  std::once_flag stop_once_;
  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_DELTA_HEALTH_H_
