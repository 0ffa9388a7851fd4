#ifndef DRAY_CLIENT_TRACKER_H_
#define DRAY_CLIENT_TRACKER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/options.h"
#include "client/socket.h"

namespace dray {

// What an operation did, in the end.
struct Summary {
  uint64_t files = 0;  // regular files done, unchanged ones included
  uint64_t folders = 0;
  uint64_t links = 0;
  uint64_t unchanged = 0;  // of all kinds
  uint64_t failed = 0;
  uint64_t deleted = 0;         // names that a sync removed
  uint64_t skipped = 0;         // neither file, folder nor link, or unfinished
  uint64_t bytes_total = 0;     // contents of the files done
  uint64_t bytes_sent = 0;      // at the sockets, everything included
  uint64_t bytes_received = 0;  // the same
  uint64_t bytes_saved = 0;     // Progress::bytes_saved
  uint64_t chunks_total = 0;    // of the files done
  uint64_t chunks_sent = 0;     // that moved, in either direction
  absl::Duration elapsed;
  // The first failures, at most kMaxFailures.
  std::vector<FileReport> failures;

  static constexpr size_t kMaxFailures = 1000;
  uint64_t items() const { return files + folders + links; }
};

// Counts what one operation does and tells the callbacks, progress from a thread of its own.
// Thread-safe.
class Tracker {
 public:
  // `callbacks` and `traffic` outlive this.
  Tracker(const Callbacks& callbacks, const Traffic* traffic);
  // Ends the ticker.
  ~Tracker();

  void AddTotal(uint64_t files, uint64_t bytes);
  void TotalsAreFinal() { totals_final_ = true; }
  // File contents dealt with; may be negative when a file is started over.
  void AddDone(int64_t bytes) { bytes_done_ += static_cast<uint64_t>(bytes); }
  void AddChunks(uint64_t count) { chunks_total_ += count; }
  void AddChunksMoved(uint64_t count) { chunks_moved_ += count; }

  // Counted without a report: what a sync left as it was, and how many names it deleted.
  void AddUntouched(wire::v1::EntryKind kind, uint64_t bytes);
  void AddDeleted(uint64_t names);
  void Report(const FileReport& report);
  void Tell(Notice::Kind kind, const std::string& message);

  Progress Current() const;
  // Ends the ticker (progress is told once more) and returns what was done.
  Summary Finish();

 private:
  void Tick();
  void StopTicker();
  void CountReport(const FileReport& report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountEntry(wire::v1::EntryKind kind, uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Callbacks& callbacks_;
  const Traffic* const traffic_;
  const absl::Time start_;

  std::atomic<uint64_t> files_done_{0}, files_total_{0}, bytes_done_{0}, bytes_total_{0};
  std::atomic<uint64_t> chunks_total_{0}, chunks_moved_{0};
  std::atomic<bool> totals_final_{false};

  absl::Mutex mu_;  // also held while a callback runs
  Summary summary_ ABSL_GUARDED_BY(mu_);

  // Not Abseil's, whose time limits follow the wall clock: progress would stand still.
  std::mutex stop_mu_;
  std::condition_variable stopped_;
  bool stop_ = false;  // guarded by stop_mu_
  std::thread ticker_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_TRACKER_H_
