#ifndef DRAY_SERVICES_TRANSFER_ENGINE_MD5_KEEPER_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_MD5_KEEPER_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "core/base/status.h"
#include "core/net/condition.h"
#include "core/net/suspend.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/transfer/engine/disk_pool.h"
#include "services/transfer/engine/engine.h"

namespace dray::transfer {

// Sees to it that delta learns the MD5 of every content, once: when nothing moves and commits have
// paused, in the background, one file after the other on a thread that yields to all others; at
// once for whoever waits for it. Thread-safe, but for Start(). Everything in `engine`, and the
// event loop of `executor`, outlive it; that loop is stopped before it is destroyed.
class Md5Keeper {
 public:
  // How long no commit has to come before contents are read again: beside an upload, the reading
  // would take the processor and the disk from it, and every file would be a commit here.
  static constexpr std::chrono::milliseconds kAfterCommit{1000};
  // Traffic that never pauses holds it up no longer than this.
  static constexpr std::chrono::seconds kLongestWait{30};
  // Files that are computed at once for whoever waits; larger ones wait in line.
  static constexpr uint64_t kSmallBytes = 32u << 20;

  Md5Keeper(const Engine& engine, boost::asio::any_io_executor executor);
  ~Md5Keeper();

  // Begins to look for contents without an MD5: those of earlier runs too.
  void Start();
  // There was a commit.
  void Wake();
  // Ends the threads; nothing is computed any more.
  void Stop() { background_.Stop(); }

  // The MD5, 16 bytes, of a version of a file, waited for up to `patience`. UNAVAILABLE afterwards:
  // it "is being prepared, try again in N s". Errors of reading the file.
  boost::asio::awaitable<absl::StatusOr<std::string>> Await(const wire::v1::Version& version,
                                                            std::chrono::milliseconds patience);

 private:
  struct Job;
  struct Waiter;

  boost::asio::awaitable<void> Watch();
  boost::asio::awaitable<void> AwaitQuiet(std::chrono::steady_clock::time_point latest);
  boost::asio::awaitable<absl::Status> Sweep(std::chrono::steady_clock::time_point latest);
  boost::asio::awaitable<void> RunLargeJobs();
  boost::asio::awaitable<void> RunUrgent(std::shared_ptr<Job> job);
  boost::asio::awaitable<absl::StatusOr<std::string>> Compute(const Engine* engine,
                                                              std::shared_ptr<Job> job);
  boost::asio::awaitable<absl::Status> Tell(delta::v1::SetMd5sRequest md5s);
  // The job for this content; `*is_new` when there was none. Nothing waits for a new one yet.
  std::shared_ptr<Job> FindOrAdd(const wire::v1::Version& version, bool* is_new);
  void StartUrgent(std::shared_ptr<Job> job);
  void End(const std::shared_ptr<Job>& job, absl::StatusOr<std::string> md5);
  absl::Status BeingPrepared(const Job& job);

  const Engine engine_;
  DiskPool background_;             // for what nobody waits for
  const Engine background_engine_;  // the same, on those threads
  const boost::asio::any_io_executor executor_;

  // On the executor.
  boost::asio::steady_timer wait_;
  bool awake_ = true;
  std::chrono::steady_clock::time_point last_commit_;
  std::deque<std::shared_ptr<Job>> large_;
  bool running_large_ = false;

  absl::Mutex mu_;
  absl::flat_hash_map<std::string, std::shared_ptr<Job>> jobs_ ABSL_GUARDED_BY(mu_);  // by root
  absl::flat_hash_set<std::string> unreadable_ ABSL_GUARDED_BY(mu_);                  // roots
  uint64_t large_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // that wait in line, and of what runs
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_MD5_KEEPER_H_
