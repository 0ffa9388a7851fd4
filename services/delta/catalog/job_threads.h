#ifndef DRAY_SERVICES_DELTA_CATALOG_JOB_THREADS_H_
#define DRAY_SERVICES_DELTA_CATALOG_JOB_THREADS_H_

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace dray::delta {

// A few threads that run jobs in the order they are added. Thread-safe.
class JobThreads {
 public:
  // A job is told which thread runs it: 0 to count - 1.
  using Job = std::function<void(size_t thread)>;

  JobThreads(const std::string& name, size_t count);
  // Runs all that was added, then ends the threads.
  ~JobThreads();

  void Add(Job job) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void RunThread(size_t index) ABSL_LOCKS_EXCLUDED(mutex_);

  absl::Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_JOB_THREADS_H_
