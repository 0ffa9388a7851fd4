#ifndef DRAY_SERVICES_TRANSFER_ENGINE_DISK_POOL_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_DISK_POOL_H_

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"

namespace dray::transfer {

// Threads for what must not run on an event loop: disk, hashing, compression, sendfile. Its queue
// is bounded by its users: a connection has a few jobs at most in it. Thread-safe.
class DiskPool {
 public:
  // REQUIRES: threads >= 1. They are called "<name>-0"..., and yield to others by `nice`.
  explicit DiskPool(int threads, const std::string& name = "disk", int nice = 0);
  // Stops.
  ~DiskPool();

  DiskPool(const DiskPool&) = delete;
  DiskPool& operator=(const DiskPool&) = delete;

  // Runs `job` on one of the threads; the calling coroutine goes on, on its own executor, when it
  // is done. `job` must outlive that: give it a named lambda.
  boost::asio::awaitable<void> Run(absl::FunctionRef<void()> job);

  // Runs `job` some time; nobody waits for it.
  void Post(absl::AnyInvocable<void()> job);

  // Finishes the jobs that run, drops those that wait, ends the threads. Later jobs are dropped.
  void Stop();

 private:
  void Work();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stopped_ || !jobs_.empty(); }

  absl::Mutex mu_;
  std::deque<absl::AnyInvocable<void()>> jobs_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_DISK_POOL_H_
