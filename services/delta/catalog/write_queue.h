#ifndef DRAY_SERVICES_DELTA_CATALOG_WRITE_QUEUE_H_
#define DRAY_SERVICES_DELTA_CATALOG_WRITE_QUEUE_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/database/database.h"
#include "services/delta/catalog/catalog.h"
#include "services/delta/catalog/job_threads.h"
#include "services/delta/catalog/sqlite_access.h"

namespace dray::delta {

// Group commit: one thread runs queued jobs, many in one transaction, and commits when the queue is
// empty or the group is large or old enough. While a commit waits for the disk, the next group
// gathers. Thread-safe.
class WriteQueue {
 public:
  struct Options {
    size_t max_group = 512;                                  // jobs in one commit
    absl::Duration max_group_time = absl::Milliseconds(10);  // that a group takes to fill
    // Told after each commit that worked: jobs in it, seconds for the commit alone. May be empty.
    std::function<void(size_t jobs, double seconds)> on_commit;
  };

  WriteQueue(Options options, std::unique_ptr<Database> database);
  // Runs all that is queued, then ends the threads.
  ~WriteQueue();

  void Add(Catalog::WriteJob job, Catalog::Done done) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Operation {
    Catalog::WriteJob job;
    Catalog::Done done;
    absl::Status status;
  };

  void RunThread() ABSL_LOCKS_EXCLUDED(mutex_);
  bool Next(bool wait, Operation* operation) ABSL_LOCKS_EXCLUDED(mutex_);
  void RunGroup(Operation first);
  absl::Status RunJob(Operation& operation);
  absl::Status Commit(size_t jobs);
  // Rolls back and makes every success of the group a failure.
  void FailGroup(const absl::Status& status, std::vector<Operation>& group);
  void Answer(std::vector<Operation> group);

  const Options options_;
  std::unique_ptr<Database> database_;
  SqliteAccess access_;
  JobThreads answers_;
  absl::Mutex mutex_;
  std::deque<Operation> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_WRITE_QUEUE_H_
