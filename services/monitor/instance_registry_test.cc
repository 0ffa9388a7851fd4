#include "services/monitor/instance_registry.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace dray::monitor {
namespace {

v1::PushRequest Push(const std::string& instance, uint64_t sequence, double errors = 0) {
  v1::PushRequest push;
  push.set_instance(instance);
  push.set_service("transfer");
  push.set_started_ns(1000);
  push.set_sequence(sequence);
  v1::Family* family = push.add_families();
  family->set_name("dray_errors_total");
  family->set_help("Errors.");
  family->set_type(v1::COUNTER);
  family->add_series()->set_value(errors);
  return push;
}

void AddEvent(v1::PushRequest* push, int64_t time_ns, const std::string& message) {
  v1::Event* event = push->add_events();
  event->set_time_ns(time_ns);
  event->set_level("info");
  event->set_message(message);
}

class InstanceRegistryTest : public testing::Test {
 protected:
  InstanceRegistry& Make(InstanceRegistry::Options options = {}) {
    options.now = [this] { return now_; };
    registry_ = std::make_unique<InstanceRegistry>(std::move(options), metrics_);
    return *registry_;
  }

  // Of monitor's own metrics; 0 where there is no such series.
  double Own(const std::string& name, const std::string& reason = "") const {
    for (const auto& family : metrics_.Collect()) {
      if (family.name != name) continue;
      for (const auto& metric : family.metric) {
        if (reason.empty() || metric.label.at(0).value == reason) return metric.counter.value;
      }
    }
    return 0;
  }
  double Rejected(const std::string& reason) const {
    return Own("dray_monitor_rejected_total", reason);
  }

  absl::Time now_ = absl::UnixEpoch();
  prometheus::Registry metrics_;
  std::unique_ptr<InstanceRegistry> registry_;
};

double Value(const Instance& instance) { return instance.push->families(0).series(0).value(); }

TEST_F(InstanceRegistryTest, KeepsTheLatestPush) {
  InstanceRegistry& registry = Make();
  ASSERT_TRUE(registry.Take(Push("t-1", 1, 5)).ok());
  ASSERT_TRUE(registry.Take(Push("t-1", 2, 7)).ok());
  ASSERT_TRUE(registry.Take(Push("t-2", 1, 9)).ok());
  const auto instances = registry.Instances();
  ASSERT_EQ(instances.size(), 2u);
  EXPECT_EQ(Value(instances[0]), 7);
  EXPECT_EQ(Value(instances[1]), 9);
  EXPECT_TRUE(instances[0].up);
  EXPECT_EQ(Own("dray_monitor_pushes_total"), 3);
}

TEST_F(InstanceRegistryTest, IgnoresLatePushes) {
  InstanceRegistry& registry = Make();
  ASSERT_TRUE(registry.Take(Push("t-1", 5, 5)).ok());
  ASSERT_TRUE(registry.Take(Push("t-1", 4, 4)).ok());
  ASSERT_TRUE(registry.Take(Push("t-1", 5, 6)).ok());
  EXPECT_EQ(Value(registry.Instances().at(0)), 5);
  EXPECT_EQ(Own("dray_monitor_late_pushes_total"), 2);
}

TEST_F(InstanceRegistryTest, ANewRunUnderTheSameNameStartsAnew) {
  InstanceRegistry& registry = Make();
  ASSERT_TRUE(registry.Take(Push("t-1", 500, 5)).ok());
  auto again = Push("t-1", 1, 1);
  again.set_started_ns(2000);
  AddEvent(&again, 10, "started");
  ASSERT_TRUE(registry.Take(again).ok());
  ASSERT_TRUE(registry.Take(Push("t-1", 501, 6)).ok()) << "the old run's, late";
  EXPECT_EQ(Value(registry.Instances().at(0)), 1);
  EXPECT_EQ(registry.Events().size(), 1u);
}

TEST_F(InstanceRegistryTest, SilentInstancesAreDownAndThenForgotten) {
  InstanceRegistry& registry = Make();
  ASSERT_TRUE(registry.Take(Push("t-1", 1)).ok());
  now_ += absl::Milliseconds(14'999);
  EXPECT_TRUE(registry.Instances().at(0).up);
  now_ += absl::Milliseconds(1);
  EXPECT_FALSE(registry.Instances().at(0).up);
  EXPECT_EQ(registry.Instances().at(0).since_push, absl::Seconds(15));
  ASSERT_TRUE(registry.Take(Push("t-1", 2)).ok());
  EXPECT_TRUE(registry.Instances().at(0).up) << "it is back";
  now_ += absl::Minutes(15);
  EXPECT_TRUE(registry.Instances().empty());
  registry.Sweep();
  ASSERT_TRUE(registry.Take(Push("t-1", 1, 3)).ok()) << "the number is forgotten as well";
  EXPECT_EQ(Value(registry.Instances().at(0)), 3);
}

TEST_F(InstanceRegistryTest, InstancesThatEndedAreNotUpAndSoonForgotten) {
  InstanceRegistry& registry = Make();
  v1::PushRequest last = Push("t-1", 1, 4);
  last.set_last(true);
  ASSERT_TRUE(registry.Take(last).ok());
  const Instance ended = registry.Instances().at(0);
  EXPECT_FALSE(ended.up);
  EXPECT_TRUE(ended.stopped());
  EXPECT_EQ(Value(ended), 4);
  now_ += absl::Milliseconds(59'999);
  EXPECT_EQ(registry.Instances().size(), 1u) << "its last counters are still to be scraped";
  now_ += absl::Milliseconds(1);
  EXPECT_TRUE(registry.Instances().empty());
}

TEST_F(InstanceRegistryTest, AsksForLongerPausesTheMoreInstancesPush) {
  InstanceRegistry::Options options;
  options.max_pushes_per_second = 10;
  InstanceRegistry& registry = Make(options);
  EXPECT_EQ(registry.Pause(), absl::ZeroDuration());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(registry.Take(Push(absl::StrCat("t-", i), 1)).ok());
  EXPECT_EQ(registry.Pause(), absl::Milliseconds(500));
}

TEST_F(InstanceRegistryTest, AFullRegistryTakesNewInstancesOnlyForDownOnes) {
  InstanceRegistry::Options options;
  options.max_instances = 3;
  InstanceRegistry& registry = Make(options);
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_TRUE(registry.Take(Push(name, 1)).ok());
    now_ += absl::Seconds(1);
  }
  EXPECT_EQ(registry.Take(Push("d", 1)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Rejected("too_many_instances"), 1);
  EXPECT_TRUE(registry.Take(Push("a", 2)).ok()) << "known ones go on";
  now_ += absl::Seconds(14);
  EXPECT_TRUE(registry.Take(Push("d", 1)).ok());
  std::vector<std::string> names;
  for (const Instance& instance : registry.Instances()) names.push_back(instance.push->instance());
  EXPECT_EQ(names, (std::vector<std::string>{"a", "c", "d"})) << "b was silent for longest";
}

TEST_F(InstanceRegistryTest, BytesAreLimitedInAll) {
  InstanceRegistry::Options options;
  options.max_bytes = 2 * Push("a", 1).ByteSizeLong();
  InstanceRegistry& registry = Make(options);
  ASSERT_TRUE(registry.Take(Push("a", 1)).ok());
  ASSERT_TRUE(registry.Take(Push("b", 1)).ok());
  EXPECT_EQ(registry.Take(Push("c", 1)).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Rejected("too_large"), 1);
  EXPECT_TRUE(registry.Take(Push("a", 2)).ok()) << "it replaces its own";
  now_ += absl::Minutes(16);
  registry.Sweep();
  EXPECT_TRUE(registry.Take(Push("c", 1)).ok()) << "what is forgotten makes room";
}

// A pusher whose labels, metrics and texts are new each time leaves nothing of the old ones behind.
TEST_F(InstanceRegistryTest, WhatChangesWithEachPushTakesNoRoom) {
  InstanceRegistry& registry = Make();
  const auto own_series = [this] {
    size_t series = 0;
    for (const auto& family : metrics_.Collect()) series += family.metric.size();
    return series;
  };
  size_t kept_at_first = 0;
  size_t own_at_first = 0;
  for (int round = 1; round <= 50; ++round) {
    v1::PushRequest push = Push("liar-1", static_cast<uint64_t>(round));
    for (int i = 0; i < 2000; ++i) {
      v1::Family* family = push.add_families();
      family->set_name(absl::StrCat("dray_", 10'000 * round + i, "_total"));
      family->set_type(v1::COUNTER);
      v1::Series* series = family->add_series();
      (*series->mutable_labels())["dialect"] = absl::StrCat("d", 10'000 * round + i);
      (*series->mutable_labels())[absl::StrCat("label", round)] = "x";
      series = family->add_series();
      (*series->mutable_labels())["code"] = absl::StrCat("c", 10'000 * round + i);
    }
    ASSERT_TRUE(registry.Take(push).ok());
    const size_t kept = registry.Instances().at(0).push->ByteSizeLong();
    if (round == 1) kept_at_first = kept;
    if (round == 1) own_at_first = own_series();
    EXPECT_LE(kept, kept_at_first + 10'000) << round;
  }
  EXPECT_EQ(own_series(), own_at_first);
  EXPECT_GT(Rejected("bad_label"), 0);
  EXPECT_GT(Rejected("too_many_series"), 0);
}

TEST_F(InstanceRegistryTest, RefusesBadNames) {
  EXPECT_EQ(Make().Take(Push("no good", 1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Rejected("bad_instance"), 1);
  EXPECT_TRUE(registry_->Instances().empty());
}

TEST_F(InstanceRegistryTest, CountsWhatItRefusesAndTakesTheRest) {
  auto push = Push("t-1", 1, 2);
  push.add_families()->set_name("bad name");
  ASSERT_TRUE(Make().Take(push).ok());
  EXPECT_EQ(Rejected("bad_metric_name"), 1);
  EXPECT_EQ(Value(registry_->Instances().at(0)), 2);
}

TEST_F(InstanceRegistryTest, OneMetricHasOneTypeWhileItIsUsed) {
  InstanceRegistry& registry = Make();
  ASSERT_TRUE(registry.Take(Push("a", 1)).ok());
  auto other = Push("b", 1);
  other.mutable_families(0)->set_type(v1::GAUGE);
  ASSERT_TRUE(registry.Take(other).ok());
  EXPECT_EQ(Rejected("metric_type_conflict"), 1);
  EXPECT_TRUE(registry.Instances().at(1).push->families().empty());
  now_ += absl::Minutes(16);
  registry.Sweep();
  ASSERT_TRUE(registry.Take(other).ok());
  EXPECT_EQ(registry.Instances().at(0).push->families_size(), 1);
}

TEST_F(InstanceRegistryTest, EventsThatComeTwiceAreOne) {
  InstanceRegistry& registry = Make();
  auto push = Push("t-1", 1);
  AddEvent(&push, 10, "one");
  AddEvent(&push, 11, "two");
  ASSERT_TRUE(registry.Take(push).ok());
  AddEvent(&push, 12, "three");
  push.set_sequence(2);
  ASSERT_TRUE(registry.Take(push).ok());
  const auto events = registry.Events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].event.message(), "three");
  EXPECT_EQ(events[2].event.message(), "one");
  EXPECT_EQ(events[0].instance, "t-1");
  EXPECT_EQ(events[0].service, "transfer");
  EXPECT_TRUE(registry.Instances().at(0).push->events().empty());
}

TEST_F(InstanceRegistryTest, KeepsTheLatestThousandEvents) {
  InstanceRegistry& registry = Make();
  for (int i = 0; i < 3; ++i) {
    auto push = Push("t-1", static_cast<uint64_t>(i) + 1);
    for (int j = 0; j < 500; ++j) AddEvent(&push, i * 500 + j + 1, absl::StrCat(i * 500 + j));
    ASSERT_TRUE(registry.Take(push).ok());
  }
  const auto events = registry.Events();
  ASSERT_EQ(events.size(), 1000u);
  EXPECT_EQ(events.front().event.message(), "1499");
  EXPECT_EQ(events.back().event.message(), "500");
}

TEST_F(InstanceRegistryTest, ManyPushAtOnce) {
  InstanceRegistry& registry = Make();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&registry, t] {
      for (uint64_t i = 1; i <= 200; ++i) {
        auto push = Push(absl::StrCat("t-", t), i, static_cast<double>(i));
        AddEvent(&push, static_cast<int64_t>(i), "x");
        EXPECT_TRUE(registry.Take(std::move(push)).ok());
        if (i % 50 == 0) registry.Sweep();
        EXPECT_LE(registry.Instances().size(), 4u);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const Instance& instance : registry.Instances()) EXPECT_EQ(Value(instance), 200);
  EXPECT_EQ(registry.Events().size(), 800u);
  EXPECT_EQ(Own("dray_monitor_pushes_total"), 800);
}

}  // namespace
}  // namespace dray::monitor
