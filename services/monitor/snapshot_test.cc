#include "services/monitor/snapshot.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/monitor/histogram_summary.h"

namespace dray::monitor {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void Add(v1::PushRequest* push, const std::string& name, v1::MetricType type, double value,
         const std::vector<std::pair<std::string, std::string>>& labels) {
  v1::Family* family = push->add_families();
  family->set_name(name);
  family->set_type(type);
  v1::Series* series = family->add_series();
  series->set_value(value);
  for (const auto& [label, text] : labels) (*series->mutable_labels())[label] = text;
}

v1::Series Histogram(const std::vector<std::pair<double, uint64_t>>& buckets, double sum) {
  v1::Series series;
  for (const auto& [bound, count] : buckets) {
    v1::Bucket* bucket = series.add_buckets();
    bucket->set_upper_bound(bound);
    bucket->set_cumulative_count(count);
    series.set_count(count);
  }
  series.set_sum(sum);
  return series;
}

v1::PushRequest Transfer() {
  v1::PushRequest push;
  push.set_service("transfer");
  push.set_software("dray-transfer 0.1.0");
  push.set_started_ns(1769897100'000'000'000);
  Add(&push, "dray_connections_active", v1::GAUGE, 2, {{"dialect", "native"}});
  Add(&push, "dray_transfers_in_progress", v1::GAUGE, 1,
      {{"dialect", "native"}, {"direction", "upload"}});
  Add(&push, "dray_bytes_received_total", v1::COUNTER, 5e12, {{"dialect", "native"}});
  Add(&push, "dray_bytes_sent_total", v1::COUNTER, 7, {{"dialect", "native"}});
  Add(&push, "dray_bytes_saved_total", v1::COUNTER, 100,
      {{"dialect", "native"}, {"direction", "upload"}});
  Add(&push, "dray_errors_total", v1::COUNTER, 3, {{"dialect", "native"}, {"code", "ABORTED"}});
  Add(&push, "dray_build_info", v1::GAUGE, 1, {{"version", "0.1.0"}});
  v1::Family* durations = push.add_families();
  durations->set_name("dray_transfer_duration_seconds");
  durations->set_type(v1::HISTOGRAM);
  *durations->add_series() = Histogram({{1, 50}, {2, 100}, {kInfinity, 100}}, 90);
  push.add_connections()->set_id("c1");
  v1::Transfer* transfer = push.add_transfers();
  transfer->set_path("a\n\xff.bin");
  transfer->set_direction("upload");
  transfer->set_bytes_total(10);
  return push;
}

Instance Make(v1::PushRequest push, const std::string& name, bool up) {
  push.set_instance(name);
  return {std::make_shared<const v1::PushRequest>(std::move(push)), absl::Milliseconds(1500), up};
}

nlohmann::ordered_json Snapshot(const std::vector<Instance>& instances,
                                const std::vector<RecentEvent>& events = {}) {
  // 2026-01-31T22:05:09.042Z
  return MakeSnapshot(instances, events, absl::FromUnixMillis(1769897109042));
}

TEST(SnapshotTest, NothingIsZeroes) {
  const auto snapshot = Snapshot({});
  EXPECT_EQ(snapshot["time"], "2026-01-31T22:05:09.042Z");
  EXPECT_EQ(snapshot["connections_active"], 0);
  EXPECT_EQ(snapshot["bytes_received_total"], 0);
  EXPECT_EQ(snapshot["errors_by_code"], nlohmann::ordered_json::object());
  EXPECT_EQ(snapshot["instances"], nlohmann::ordered_json::array());
  EXPECT_EQ(snapshot["events"], nlohmann::ordered_json::array());
}

TEST(SnapshotTest, TotalsCountAllButThePresentOnlyThoseThatAreUp) {
  const auto snapshot = Snapshot({Make(Transfer(), "t-1", true), Make(Transfer(), "t-2", true),
                                  Make(Transfer(), "t-3", false)});
  EXPECT_EQ(snapshot["connections_active"], 4);
  EXPECT_EQ(snapshot["connections_active_by_dialect"]["native"], 4);
  EXPECT_EQ(snapshot["transfers_in_progress"], 2);
  EXPECT_EQ(snapshot["transfers_in_progress_by_direction"]["upload"], 2);
  EXPECT_EQ(snapshot["bytes_received_total"].dump(), "15000000000000");
  EXPECT_EQ(snapshot["bytes_sent_total"], 21);
  EXPECT_EQ(snapshot["bytes_saved_total"], 300);
  EXPECT_EQ(snapshot["bytes_saved_by_direction"]["upload"], 300);
  EXPECT_EQ(snapshot["errors_total"], 9);
  EXPECT_EQ(snapshot["errors_by_code"]["ABORTED"], 9);
  EXPECT_EQ(snapshot["connections"].size(), 2u);
  EXPECT_EQ(snapshot["transfers"].size(), 2u);
}

TEST(SnapshotTest, DurationsHaveQuantiles) {
  const auto snapshot = Snapshot({Make(Transfer(), "t-1", true), Make(Transfer(), "t-2", false)});
  ASSERT_EQ(snapshot["durations"].size(), 1u);
  const auto& duration = snapshot["durations"][0];
  EXPECT_EQ(duration["metric"], "dray_transfer_duration_seconds");
  EXPECT_EQ(duration["count"], 200);
  EXPECT_EQ(duration["sum_seconds"], 180);
  EXPECT_DOUBLE_EQ(duration["p50_seconds"], 1);
  EXPECT_DOUBLE_EQ(duration["p99_seconds"], 1.98);
}

TEST(SnapshotTest, InstancesTellHealthAndVersion) {
  const auto snapshot = Snapshot({Make(Transfer(), "t-1", true), Make(Transfer(), "t-2", false)});
  const auto& up = snapshot["instances"][0];
  EXPECT_EQ(up["instance"], "t-1");
  EXPECT_EQ(up["service"], "transfer");
  EXPECT_EQ(up["health"], "up");
  EXPECT_EQ(up["software"], "dray-transfer 0.1.0");
  EXPECT_EQ(up["version"], "0.1.0");
  EXPECT_EQ(up["seconds_since_push"], 1.5);
  EXPECT_EQ(up["uptime_seconds"], 9.042);
  EXPECT_EQ(up["errors"], 3);
  EXPECT_EQ(snapshot["instances"][1]["up"], false);
}

TEST(SnapshotTest, PathsAreEscaped) {
  const auto snapshot = Snapshot({Make(Transfer(), "t-1", true)});
  EXPECT_EQ(snapshot["transfers"][0]["path"], "a\\x0a\\xff.bin");
}

TEST(SnapshotTest, TransfersTellModeAndTimeLeft) {
  v1::PushRequest push = Transfer();
  v1::Transfer* transfer = push.mutable_transfers(0);
  transfer->set_bytes_total(1000);
  transfer->set_bytes_done(300);
  transfer->set_bytes_saved(500);
  transfer->set_bytes_per_second(50);
  const auto snapshot = Snapshot({Make(push, "t-1", true)});
  EXPECT_EQ(snapshot["transfers"][0]["mode"], "delta");
  EXPECT_EQ(snapshot["transfers"][0]["seconds_left"], 4);
  transfer->set_bytes_saved(0);
  transfer->set_bytes_per_second(0);
  const auto stalled = Snapshot({Make(push, "t-1", true)});
  EXPECT_EQ(stalled["transfers"][0]["mode"], "full");
  EXPECT_TRUE(stalled["transfers"][0]["seconds_left"].is_null());
}

TEST(SnapshotTest, ListsAreCutButCountedWhole) {
  v1::PushRequest push = Transfer();
  for (int i = 0; i < 20; ++i) *push.add_transfers() = push.transfers(0);
  const std::vector<Instance> instances = {Make(push, "t-1", true), Make(push, "t-2", true),
                                           Make(push, "t-3", true)};
  const auto snapshot = MakeSnapshot(instances, std::vector<RecentEvent>(9), absl::UnixEpoch(),
                                     std::nullopt, /*max_listed=*/2);
  for (const char* list : {"transfers", "connections", "instances", "events"}) {
    EXPECT_EQ(snapshot[list].size(), 2u) << list;
  }
  EXPECT_EQ(snapshot["instances_total"], 3);
  EXPECT_EQ(snapshot["events_total"], 9);
  EXPECT_EQ(snapshot["services_up"]["transfer"], 3);
  EXPECT_EQ(snapshot["services_up"]["delta"], 0);
}

TEST(SnapshotTest, EventsKeepTheirOrder) {
  v1::Event event;
  event.set_time_ns(1769897109042'000'000);
  event.set_level("warning");
  event.set_message("<b>");
  const auto snapshot = Snapshot({}, {{"t-1", "transfer", event}, {"t-1", "transfer", event}});
  ASSERT_EQ(snapshot["events"].size(), 2u);
  EXPECT_EQ(snapshot["events"][0]["time"], "2026-01-31T22:05:09.042Z");
  EXPECT_EQ(snapshot["events"][0]["message"], "<b>");
  EXPECT_EQ(snapshot["events"][0]["instance"], "t-1");
}

TEST(SnapshotTest, MadeUpValuesDoNoHarm) {
  v1::PushRequest push;
  push.set_started_ns(std::numeric_limits<int64_t>::min());
  Add(&push, "dray_bytes_sent_total", v1::COUNTER, 1e300, {});
  Add(&push, "dray_connections_active", v1::GAUGE, -1e300, {});
  const auto snapshot = Snapshot({Make(push, "t-1", true)});
  EXPECT_EQ(snapshot["bytes_sent_total"], 9007199254740992);
  EXPECT_EQ(snapshot["connections_active"], -9007199254740992);
}

TEST(HistogramSummaryTest, EstimatesWithinBuckets) {
  HistogramSummary summary;
  EXPECT_EQ(summary.Quantile(0.5), std::nullopt);
  ASSERT_TRUE(summary.Add(Histogram({{1, 10}, {2, 30}, {4, 40}, {kInfinity, 50}}, 100)));
  EXPECT_DOUBLE_EQ(*summary.Quantile(0.1), 0.5);
  EXPECT_DOUBLE_EQ(*summary.Quantile(0.5), 1.75);
  EXPECT_DOUBLE_EQ(*summary.Quantile(0.7), 3);
  EXPECT_DOUBLE_EQ(*summary.Quantile(0.99), 4) << "the highest finite bound";
}

TEST(HistogramSummaryTest, AddsOnlyWhatHasTheSameBounds) {
  HistogramSummary summary;
  ASSERT_TRUE(summary.Add(Histogram({{1, 1}, {kInfinity, 2}}, 3)));
  ASSERT_TRUE(summary.Add(Histogram({{1, 1}, {kInfinity, 2}}, 4)));
  EXPECT_FALSE(summary.Add(Histogram({{2, 1}, {kInfinity, 2}}, 3)));
  EXPECT_FALSE(summary.Add(Histogram({{kInfinity, 2}}, 3)));
  EXPECT_EQ(summary.count(), 4u);
  EXPECT_EQ(summary.sum(), 7);
}

}  // namespace
}  // namespace dray::monitor
