#include "services/monitor/history.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace dray::monitor {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const absl::Time kStart = absl::FromUnixSeconds(1'769'897'109);

void Add(v1::PushRequest* push, const char* name, v1::MetricType type, double value) {
  v1::Family* family = push->add_families();
  family->set_name(name);
  family->set_type(type);
  family->add_series()->set_value(value);
}

Instance Make(const std::string& name, absl::Time started, double received, int requests = 0) {
  v1::PushRequest push;
  push.set_instance(name);
  push.set_service("transfer");
  push.set_started_ns(absl::ToUnixNanos(started));
  Add(&push, "dray_bytes_received_total", v1::COUNTER, received);
  Add(&push, "dray_connections_active", v1::GAUGE, 3);
  v1::Family* durations = push.add_families();
  durations->set_name("dray_delta_request_duration_seconds");
  durations->set_type(v1::HISTOGRAM);
  for (const char* method : {"Commit", "Compare"}) {
    v1::Series* series = durations->add_series();
    (*series->mutable_labels())["method"] = method;
    const bool slow = series->labels().at("method") == "Compare";
    for (const double bound : {0.1, 0.2, kInfinity}) {
      v1::Bucket* bucket = series->add_buckets();
      bucket->set_upper_bound(bound);
      bucket->set_cumulative_count(
          static_cast<uint64_t>(bound < 0.15 || (slow && bound < 1) ? 0 : requests));
    }
  }
  return {std::make_shared<const v1::PushRequest>(std::move(push)), absl::ZeroDuration(), true};
}

TEST(HistoryTest, RatesAreDifferencesOverThePeriod) {
  History history;
  const absl::Time before = kStart - absl::Hours(1);
  history.Sample({Make("t-1", before, 1000, 10)}, kStart);
  EXPECT_TRUE(history.Points().empty()) << "what was counted earlier is no rate";
  history.Sample({Make("t-1", before, 1e9)}, kStart + absl::Seconds(1));
  EXPECT_TRUE(history.Points().empty()) << "the period has not passed";
  history.Sample({Make("t-1", before, 6000, 30)}, kStart + absl::Seconds(5));
  ASSERT_EQ(history.Points().size(), 1u);
  const HistoryPoint point = *history.Latest();
  EXPECT_DOUBLE_EQ(point.received_per_second, 1000);
  EXPECT_EQ(point.connections, 3);
  EXPECT_DOUBLE_EQ(*point.request_p50_seconds, 0.15) << "of the 20 Commits of this period";
}

TEST(HistoryTest, RestartsMakeNoStep) {
  History history;
  history.Sample({Make("t-1", kStart, 1'000'000)}, kStart);
  // The old run is still known, the new one began a second ago and has received 50 bytes.
  history.Sample({Make("t-1", kStart, 1'000'000), Make("t-2", kStart + absl::Seconds(4), 50)},
                 kStart + absl::Seconds(5));
  EXPECT_DOUBLE_EQ(history.Latest()->received_per_second, 10);
  // One that is forgotten takes nothing away; one that was only now heard of brings nothing.
  history.Sample(
      {Make("t-2", kStart + absl::Seconds(4), 100), Make("t-3", kStart - absl::Hours(1), 1e12)},
      kStart + absl::Seconds(10));
  EXPECT_DOUBLE_EQ(history.Latest()->received_per_second, 10);
  EXPECT_FALSE(history.Latest()->request_p50_seconds.has_value());
}

TEST(HistoryTest, KeepsAQuarterOfAnHour) {
  History history;
  for (int i = 0; i < 300; ++i) {
    history.Sample({Make("t-1", kStart, i)}, kStart + i * absl::Seconds(5));
  }
  const auto points = history.Points();
  ASSERT_EQ(points.size(), History::kPoints);
  EXPECT_EQ(points.back().time - points.front().time, absl::Minutes(15) - absl::Seconds(5));
  const auto json = HistoryJson(history);
  EXPECT_EQ(json["points"].size(), History::kPoints);
  EXPECT_TRUE(json["points"][0]["request_p99_seconds"].is_null());
}

TEST(HistoryTest, MadeUpBucketsTakeNoRoom) {
  History history;
  Instance instance = Make("t-1", kStart, 0);
  v1::PushRequest push = *instance.push;
  for (int i = 0; i < 1000; ++i) {
    v1::Series* series = push.mutable_families(2)->add_series();
    for (int j = 1; j < 60; ++j) series->add_buckets()->set_upper_bound(i * 100 + j);
  }
  instance.push = std::make_shared<const v1::PushRequest>(push);
  history.Sample({instance}, kStart);
  history.Sample({instance}, kStart + absl::Seconds(5));
  EXPECT_EQ(history.Points().size(), 1u);
}

}  // namespace
}  // namespace dray::monitor
