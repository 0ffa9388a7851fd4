#ifndef DRAY_SERVICES_MONITOR_INSTANCE_REGISTRY_H_
#define DRAY_SERVICES_MONITOR_INSTANCE_REGISTRY_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/status.h"
#include "dray/monitor/v1/monitor.pb.h"
#include "services/monitor/push_policy.h"

namespace dray::monitor {

// One run of one program, as its latest push tells of it.
struct Instance {
  std::shared_ptr<const v1::PushRequest> push;  // without events
  absl::Duration since_push;
  bool up = false;
  // It said that it ends, and so is not up.
  bool stopped() const { return push->last(); }
};

struct RecentEvent {
  std::string instance;
  std::string service;
  v1::Event event;
};

// Keeps the latest push of each instance, and the latest events of all. An instance that is silent
// for `stale_after` is down; one that is silent for `forget_after` is forgotten, its counters with
// it; one that ended by itself is stopped at once and forgotten after `forget_stopped_after`.
// Memory is bounded whatever is pushed. Thread-safe; nothing here waits.
class InstanceRegistry {
 public:
  struct Options {
    size_t max_instances = 2000;
    size_t max_events = 1000;
    // Of what is kept, in its encoding; it takes a few times as much memory.
    size_t max_bytes = 32 << 20;
    absl::Duration stale_after = absl::Seconds(15);
    absl::Duration forget_after = absl::Minutes(15);
    // Long enough for its last counters to be scraped.
    absl::Duration forget_stopped_after = absl::Minutes(1);
    // Of all instances together; Pause() holds them to it.
    double max_pushes_per_second = 400;
    // Only differences count. Default: the time since the machine started.
    std::function<absl::Time()> now;
  };

  // Counts pushes and refusals in `metrics`, which outlives this.
  InstanceRegistry(Options options, prometheus::Registry& metrics);

  // Takes what is allowed of a push and counts what is not. A push that is not newer than the last
  // one taken is ignored. A later start time under a known name is a new run. INVALID_ARGUMENT
  // without a proper name; RESOURCE_EXHAUSTED when there is no room.
  absl::Status Take(const v1::PushRequest& push);
  // The same for what monitor tells of itself, which is not counted as a push.
  absl::Status TakeOwn(const v1::PushRequest& push);

  // How long an instance is to wait between two pushes, at least.
  absl::Duration Pause() const;

  // Forgets what has been silent for long. To be called now and then.
  void Sweep();

  // By service, then instance.
  std::vector<Instance> Instances() const;
  // Newest first.
  std::vector<RecentEvent> Events() const;

 private:
  struct Entry {
    std::shared_ptr<const v1::PushRequest> push;
    size_t bytes = 0;
    absl::Time last_push;
    int64_t last_event_ns = 0;
  };
  using Entries = std::map<std::string, Entry>;
  // The type that a metric has for all who push it, for as long as somebody does.
  struct MetricUse {
    v1::MetricType type = v1::METRIC_TYPE_UNSPECIFIED;
    int users = 0;
  };

  absl::Status TakeLocked(std::shared_ptr<v1::PushRequest> push, Refusals* refusals)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status MakeRoom(const std::string& instance) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeEvents(v1::PushRequest* push, Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveConflicts(v1::PushRequest* push, Refusals* refusals)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Store(std::shared_ptr<const v1::PushRequest> push, Entry* entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsOver(const Entry& entry, absl::Time now) const;
  Entries::iterator Forget(Entries::iterator it) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SweepLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Count(const Refusals& refusals);

  const Options options_;
  prometheus::Counter& pushes_;
  prometheus::Counter& late_;
  prometheus::Family<prometheus::Counter>& rejected_;

  mutable absl::Mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, MetricUse> metrics_ ABSL_GUARDED_BY(mutex_);
  std::deque<RecentEvent> events_ ABSL_GUARDED_BY(mutex_);  // oldest first
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_INSTANCE_REGISTRY_H_
