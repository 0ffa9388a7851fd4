#include "services/transfer/engine/disk_pool.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/net/suspend.h"
#include "core/telemetry/logging.h"

namespace dray::transfer {

DiskPool::DiskPool(int threads, const std::string& name, int nice) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, i, name, nice] {
      NameThread(absl::StrCat(name, "-", i));
      if (nice != 0) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice);
      Work();
    });
  }
}

DiskPool::~DiskPool() { Stop(); }

boost::asio::awaitable<void> DiskPool::Run(absl::FunctionRef<void()> job) {
  auto start = [this, job](Resume resume) {
    Post([job, resume = std::move(resume)]() mutable {
      job();
      resume();
    });
  };
  co_await Suspend(start);
}

void DiskPool::Post(absl::AnyInvocable<void()> job) {
  absl::MutexLock lock(&mu_);
  if (!stopped_) jobs_.push_back(std::move(job));
}

void DiskPool::Stop() {
  std::deque<absl::AnyInvocable<void()>> dropped;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    dropped.swap(jobs_);
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void DiskPool::Work() {
  while (true) {
    absl::AnyInvocable<void()> job;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &DiskPool::HasWork));
      if (stopped_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace dray::transfer
