#include "services/monitor/instance_registry.h"

#include <algorithm>
#include <utility>

#include "core/base/clock.h"

namespace dray::monitor {
namespace {

prometheus::Family<prometheus::Counter>& Counter(prometheus::Registry& metrics, const char* name,
                                                 const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(metrics);
}

bool IsNewer(const v1::PushRequest& push, const v1::PushRequest& last) {
  return std::make_pair(push.started_ns(), push.sequence()) >
         std::make_pair(last.started_ns(), last.sequence());
}

InstanceRegistry::Options WithDefaults(InstanceRegistry::Options options) {
  if (!options.now) options.now = SteadyNow;
  return options;
}

}  // namespace

InstanceRegistry::InstanceRegistry(Options options, prometheus::Registry& metrics)
    : options_(WithDefaults(std::move(options))),
      pushes_(Counter(metrics, "dray_monitor_pushes_total", "Pushes received.").Add({})),
      late_(Counter(metrics, "dray_monitor_late_pushes_total",
                    "Pushes ignored, since a newer one of the same instance had come.")
                .Add({})),
      rejected_(Counter(metrics, "dray_monitor_rejected_total",
                        "Pushes, series, events and other things refused, by reason.")) {}

absl::Status InstanceRegistry::Take(const v1::PushRequest& push) {
  pushes_.Increment();
  return TakeOwn(push);
}

absl::Status InstanceRegistry::TakeOwn(const v1::PushRequest& push) {
  if (absl::Status status = CheckIdentity(push); !status.ok()) {
    Count({{"bad_instance", 1}});
    return status;
  }
  Refusals refusals;
  auto kept = std::make_shared<v1::PushRequest>(push);
  RemoveInadmissible(kept.get(), &refusals);
  absl::Status status;
  {
    absl::MutexLock lock(&mutex_);
    status = TakeLocked(std::move(kept), &refusals);
  }
  Count(refusals);
  return status;
}

absl::Status InstanceRegistry::TakeLocked(std::shared_ptr<v1::PushRequest> push,
                                          Refusals* refusals) {
  const auto known = entries_.find(push->instance());
  if (known == entries_.end()) {
    if (absl::Status status = MakeRoom(push->instance()); !status.ok()) {
      ++(*refusals)["too_many_instances"];
      return status;
    }
  } else if (!IsNewer(*push, *known->second.push)) {
    late_.Increment();
    return absl::OkStatus();
  }
  const size_t before = known == entries_.end() ? 0 : known->second.bytes;
  if (bytes_ - before + push->ByteSizeLong() > options_.max_bytes) {
    ++(*refusals)["too_large"];
    return absl::ResourceExhaustedError(absl::StrCat("the instances' metrics take more than ",
                                                     options_.max_bytes, " bytes together"));
  }
  Entry& entry = entries_[push->instance()];
  TakeEvents(push.get(), &entry);
  Release(&entry);
  RemoveConflicts(push.get(), refusals);
  Store(std::move(push), &entry);
  return absl::OkStatus();
}

// A new run comes before one that is down: the one that has been silent for longest makes room.
absl::Status InstanceRegistry::MakeRoom(const std::string& instance) {
  if (entries_.size() < options_.max_instances) return absl::OkStatus();
  SweepLocked();
  if (entries_.size() < options_.max_instances) return absl::OkStatus();
  const auto oldest = std::min_element(
      entries_.begin(), entries_.end(),
      [](const auto& a, const auto& b) { return a.second.last_push < b.second.last_push; });
  if (options_.now() - oldest->second.last_push < options_.stale_after) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no room for instance ", instance, ": there are ", options_.max_instances, " already"));
  }
  Forget(oldest);
  return absl::OkStatus();
}

// An event comes again when the answer to its push was lost; it is known by its time.
void InstanceRegistry::TakeEvents(v1::PushRequest* push, Entry* entry) {
  const bool new_run = entry->push != nullptr && push->started_ns() != entry->push->started_ns();
  if (new_run) entry->last_event_ns = 0;
  for (v1::Event& event : *push->mutable_events()) {
    if (event.time_ns() <= entry->last_event_ns) continue;
    entry->last_event_ns = event.time_ns();
    events_.push_back({push->instance(), push->service(), std::move(event)});
    if (events_.size() > options_.max_events) events_.pop_front();
  }
  push->clear_events();
}

void InstanceRegistry::RemoveConflicts(v1::PushRequest* push, Refusals* refusals) {
  auto* families = push->mutable_families();
  for (int i = families->size(); i-- > 0;) {
    const auto known = metrics_.find(families->Get(i).name());
    if (known == metrics_.end() || known->second.type == families->Get(i).type()) continue;
    ++(*refusals)["metric_type_conflict"];
    families->DeleteSubrange(i, 1);
  }
}

void InstanceRegistry::Store(std::shared_ptr<const v1::PushRequest> push, Entry* entry) {
  for (const v1::Family& family : push->families()) {
    MetricUse& use = metrics_[family.name()];
    use.type = family.type();
    ++use.users;
  }
  entry->bytes = push->ByteSizeLong();
  bytes_ += entry->bytes;
  entry->last_push = options_.now();
  entry->push = std::move(push);
}

void InstanceRegistry::Release(Entry* entry) {
  if (entry->push == nullptr) return;
  for (const v1::Family& family : entry->push->families()) {
    const auto use = metrics_.find(family.name());
    if (--use->second.users == 0) metrics_.erase(use);
  }
  bytes_ -= entry->bytes;
  entry->bytes = 0;
  entry->push = nullptr;
}

InstanceRegistry::Entries::iterator InstanceRegistry::Forget(Entries::iterator it) {
  Release(&it->second);
  return entries_.erase(it);
}

void InstanceRegistry::Sweep() {
  absl::MutexLock lock(&mutex_);
  SweepLocked();
}

void InstanceRegistry::SweepLocked() {
  const absl::Time now = options_.now();
  for (auto it = entries_.begin(); it != entries_.end();) {
    it = IsOver(it->second, now) ? Forget(it) : std::next(it);
  }
}

bool InstanceRegistry::IsOver(const Entry& entry, absl::Time now) const {
  return now - entry.last_push >=
         (entry.push->last() ? options_.forget_stopped_after : options_.forget_after);
}

absl::Duration InstanceRegistry::Pause() const {
  absl::MutexLock lock(&mutex_);
  return absl::Seconds(static_cast<double>(entries_.size()) / options_.max_pushes_per_second);
}

std::vector<Instance> InstanceRegistry::Instances() const {
  std::vector<Instance> instances;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Time now = options_.now();
    instances.reserve(entries_.size());
    for (const auto& [name, entry] : entries_) {
      if (IsOver(entry, now)) continue;
      const absl::Duration since_push = now - entry.last_push;
      const bool up = !entry.push->last() && since_push < options_.stale_after;
      instances.push_back({entry.push, since_push, up});
    }
  }
  std::stable_sort(instances.begin(), instances.end(), [](const Instance& a, const Instance& b) {
    return a.push->service() < b.push->service();
  });
  return instances;
}

std::vector<RecentEvent> InstanceRegistry::Events() const {
  absl::MutexLock lock(&mutex_);
  return {events_.rbegin(), events_.rend()};
}

void InstanceRegistry::Count(const Refusals& refusals) {
  for (const auto& [reason, count] : refusals) {
    rejected_.Add({{"reason", reason}}).Increment(static_cast<double>(count));
  }
}

}  // namespace dray::monitor
