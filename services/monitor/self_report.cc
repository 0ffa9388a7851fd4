#include "services/monitor/self_report.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/random.h"
#include "core/base/version.h"
#include "core/telemetry/push_message.h"

namespace dray::monitor {

SelfReport::SelfReport(const prometheus::Registry& metrics, InstanceRegistry& registry)
    : metrics_(metrics),
      registry_(registry),
      instance_(absl::StrCat("monitor-", absl::BytesToHexString(RandomBytes(3)))),
      started_ns_(absl::GetCurrentTimeNanos()) {}

void SelfReport::Report() {
  v1::PushRequest push;
  push.set_instance(instance_);
  push.set_service("monitor");
  push.set_software(absl::StrCat("dray-monitor ", kVersion));
  push.set_started_ns(started_ns_);
  AddFamilies(metrics_.Collect(), &push);
  AddFamilies(process_metrics_.Collect(), &push);
  absl::MutexLock lock(&mutex_);
  push.set_sequence(++sequence_);
  // It can only fail for want of room, which the registry counts.
  registry_.TakeOwn(std::move(push)).IgnoreError();
}

}  // namespace dray::monitor
