#include "services/delta/catalog/job_threads.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/telemetry/logging.h"

namespace dray::delta {

JobThreads::JobThreads(const std::string& name, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    threads_.emplace_back([this, i, thread_name = count == 1 ? name : absl::StrCat(name, i)] {
      NameThread(thread_name);
      RunThread(i);
    });
  }
}

JobThreads::~JobThreads() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void JobThreads::Add(Job job) {
  absl::MutexLock lock(&mutex_);
  jobs_.push_back(std::move(job));
}

void JobThreads::RunThread(size_t index) {
  while (true) {
    Job job;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](JobThreads* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mutex_) {
            return self->stopping_ || !self->jobs_.empty();
          },
          this));
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job(index);
  }
}

}  // namespace dray::delta
