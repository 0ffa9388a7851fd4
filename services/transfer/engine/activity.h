#ifndef DRAY_SERVICES_TRANSFER_ENGINE_ACTIVITY_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_ACTIVITY_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace prometheus {
class Registry;
}

namespace dray::transfer {

class DialectMetrics;
enum class Direction { kUpload, kDownload };

// What is going on now. Thread-safe.
class Activity {
 public:
  struct ConnectionInfo {
    std::string id;  // "c1f3a9c-2a"
    std::string peer;
    std::string dialect;
    absl::Time since;
  };
  struct TransferInfo {
    std::string connection_id;
    std::string peer;
    std::string dialect;
    std::string path;
    Direction direction{};
    absl::Time since;
    uint64_t bytes_done = 0;
    uint64_t bytes_total = 0;
    uint64_t bytes_saved = 0;
    double bytes_per_second = 0;
  };
  // Takes what is worth an event: level ("info", "warning"), text, connection. Never blocks.
  using EventSink = std::function<void(const std::string&, const std::string&, const std::string&)>;
  class Connection;
  class Transfer;

  Activity();

  // To be set before anything connects, and to outlive all connections.
  void SetEventSink(EventSink sink) { sink_ = std::move(sink); }
  // Logs it, under the connection's id, and passes it on as an event.
  void Report(const std::string& level, const std::string& text, const std::string& connection_id);

  // A new id for a connection. It is not used again, by other runs and other servers neither.
  std::string NewConnectionId();

  // At most `limit` of them; of transfers those that have gone on for longest.
  std::vector<ConnectionInfo> Connections(size_t limit) const;
  std::vector<TransferInfo> Transfers(size_t limit) const;
  size_t connection_count() const;
  size_t transfer_count() const;

 private:
  const std::string run_;  // hex digits
  EventSink sink_;
  std::atomic<uint64_t> next_connection_{1};
  mutable absl::Mutex mu_;
  absl::flat_hash_set<const Connection*> connections_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<const Transfer*> transfers_ ABSL_GUARDED_BY(mu_);
};

// A connection while it lives: listed, counted, logged when it opens and closes. `activity` and
// `metrics` outlive it.
class Activity::Connection {
 public:
  Connection(Activity* activity, DialectMetrics* metrics, ConnectionInfo info);
  ~Connection();

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const ConnectionInfo& info() const { return info_; }
  DialectMetrics& metrics() const { return *metrics_; }
  Activity* activity() const { return activity_; }

 private:
  Activity* const activity_;
  DialectMetrics* const metrics_;
  const ConnectionInfo info_;
};

// One upload or download of a file, or of one batch, while it goes on: listed, counted, and logged
// at its end. The connection outlives it. Its methods may be called on one thread only; others see
// what they tell.
class Activity::Transfer {
 public:
  Transfer(const Connection* connection, Direction direction, std::string path);
  // A transfer that neither finished nor failed was broken off.
  ~Transfer();

  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // How long the files are, once that is known.
  void SetTotal(uint64_t bytes) { bytes_total_.store(bytes, std::memory_order_relaxed); }
  // How much of them is known so far to be there already.
  void SetSaved(uint64_t bytes);
  DialectMetrics& metrics() const { return connection_->metrics(); }
  // More of the files' own bytes moved. With a total known, every 10 % that are done is logged.
  void Moved(uint64_t bytes);
  uint64_t moved() const { return bytes_moved_.load(std::memory_order_relaxed); }
  // More of the files' own bytes are done, moved or not: from who knows that in order.
  void Passed(uint64_t bytes);

  // `bytes` is how long the files are, of which `saved` did not have to move.
  void Finish(uint64_t files, uint64_t bytes, uint64_t saved);
  void Fail(const absl::Status& status);
  // Nothing came of it, which is not worth a word.
  void Forget() { ended_ = true; }

  absl::Time since() const { return since_; }
  // For the activity alone, with its mutex held: measures the rate since it was asked before.
  TransferInfo Info(absl::Time now) const;

 private:
  // What is done so far, as far as it is known.
  uint64_t done() const;
  void LogProgress();
  void LogTenths(uint64_t tenths);

  const Connection* const connection_;
  const Direction direction_;
  const std::string path_;
  const absl::Time since_;
  std::atomic<uint64_t> bytes_moved_{0};
  std::atomic<uint64_t> bytes_passed_{0};
  std::atomic<uint64_t> bytes_total_{0};
  std::atomic<uint64_t> bytes_saved_{0};
  // Of Info().
  mutable absl::Time rate_time_;
  mutable uint64_t rate_bytes_ = 0;
  mutable double rate_ = 0;
  uint64_t tenths_logged_ = 0;
  bool ended_ = false;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_ACTIVITY_H_
