#include "core/telemetry/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <string>

#include "core/base/version.h"
#include "core/telemetry/disk_metrics.h"
#include "core/telemetry/process_metrics.h"

namespace dray {
namespace {

std::map<std::string, prometheus::MetricFamily> ByName(const prometheus::Collectable& source) {
  std::map<std::string, prometheus::MetricFamily> families;
  for (const auto& family : source.Collect()) {
    EXPECT_TRUE(families.emplace(family.name, family).second) << family.name << " twice";
  }
  return families;
}

void AddAll(prometheus::Registry& registry) {
  metrics::ConnectionsActive(registry).Add({{"dialect", "native"}});
  metrics::Connections(registry).Add({{"dialect", "native"}});
  metrics::TransfersInProgress(registry).Add({{"dialect", "native"}, {"direction", "upload"}});
  metrics::BytesReceived(registry).Add({{"dialect", "native"}});
  metrics::BytesSent(registry).Add({{"dialect", "native"}});
  metrics::BytesSaved(registry).Add({{"dialect", "native"}, {"direction", "upload"}});
  metrics::Errors(registry).Add({{"dialect", "native"}, {"code", "NOT_FOUND"}});
  metrics::TransferDuration(registry).Add({{"dialect", "native"}, {"direction", "upload"}},
                                          metrics::TransferBuckets());
  metrics::DeltaRequestDuration(registry).Add({{"method", "Commit"}}, metrics::RequestBuckets());
  metrics::DeltaErrors(registry).Add({{"method", "Commit"}, {"code", "ABORTED"}});
  metrics::CatalogCommits(registry).Add({});
  metrics::CatalogVersions(registry).Add({});
  metrics::SegmentBytesWritten(registry).Add({});
  metrics::SegmentSyncDuration(registry).Add({}, metrics::RequestBuckets());
  metrics::CatalogCommitDuration(registry).Add({}, metrics::RequestBuckets());
  metrics::ConnectionsLimit(registry).Add({});
  metrics::Files(registry).Add({{"dialect", "native"}, {"direction", "upload"}});
  metrics::TransferSize(registry).Add({{"dialect", "native"}, {"direction", "upload"}},
                                      metrics::SizeBuckets());
  metrics::ChunksReceived(registry).Add({{"dialect", "native"}});
}

TEST(MetricsTest, NamesFollowTheConventions) {
  prometheus::Registry registry;
  AddAll(registry);
  const auto families = ByName(registry);
  EXPECT_EQ(families.size(), 19u);
  for (const auto& [name, family] : families) {
    EXPECT_TRUE(std::regex_match(name, std::regex("dray_[a-z0-9_]+"))) << name;
    EXPECT_FALSE(family.help.empty()) << name;
    EXPECT_EQ(name.ends_with("_total"), family.type == prometheus::MetricType::Counter) << name;
    if (family.type == prometheus::MetricType::Histogram) {
      EXPECT_TRUE(name.ends_with("_seconds") || name.ends_with("_bytes")) << name;
    }
  }
}

TEST(MetricsTest, SizesGoFromKibibytesToGibibytes) {
  const auto bounds = metrics::SizeBuckets();
  EXPECT_EQ(bounds.front(), 1024);
  EXPECT_GE(bounds.back(), 10.0 * (1 << 30));
  EXPECT_TRUE(std::is_sorted(bounds.begin(), bounds.end()));
}

TEST(MetricsTest, DisksAreMeasured) {
  const auto families = ByName(DiskMetrics("/"));
  const double size = families.at("dray_disk_size_bytes").metric.at(0).gauge.value;
  EXPECT_GT(size, 0);
  EXPECT_LE(families.at("dray_disk_free_bytes").metric.at(0).gauge.value, size);
  EXPECT_TRUE(DiskMetrics("/no/such/folder").Collect().empty());
}

TEST(MetricsTest, TheSameFamilyTwiceIsOne) {
  prometheus::Registry registry;
  metrics::CatalogCommits(registry).Add({}).Increment();
  metrics::CatalogCommits(registry).Add({}).Increment();
  const auto families = registry.Collect();
  ASSERT_EQ(families.size(), 1u);
  ASSERT_EQ(families[0].metric.size(), 1u);
  EXPECT_EQ(families[0].metric[0].counter.value, 2);
}

TEST(MetricsTest, BucketsRiseOverTheDocumentedRange) {
  const auto transfer = metrics::TransferBuckets();
  EXPECT_EQ(transfer.front(), 0.001);
  EXPECT_EQ(transfer.back(), 1800);
  EXPECT_TRUE(std::is_sorted(transfer.begin(), transfer.end()));
  const auto request = metrics::RequestBuckets();
  EXPECT_EQ(request.front(), 0.0001);
  EXPECT_EQ(request.back(), 60);
  EXPECT_TRUE(std::is_sorted(request.begin(), request.end()));
}

TEST(ProcessMetricsTest, TellsOfThisProcess) {
  const auto families = ByName(ProcessMetrics());
  const auto gauge = [&](const char* name) { return families.at(name).metric.at(0).gauge.value; };
  EXPECT_GT(gauge("process_resident_memory_bytes"), 100e3);
  EXPECT_GE(gauge("process_open_fds"), 3);
  EXPECT_GE(gauge("process_max_fds"), gauge("process_open_fds"));
  EXPECT_GT(gauge("process_start_time_seconds"), 1.6e9);
  EXPECT_EQ(families.at("process_cpu_seconds_total").type, prometheus::MetricType::Counter);
  const auto& build = families.at("dray_build_info").metric.at(0);
  EXPECT_EQ(build.gauge.value, 1);
  ASSERT_EQ(build.label.size(), 1u);
  EXPECT_EQ(build.label[0].name, "version");
  EXPECT_EQ(build.label[0].value, kVersion);
}

}  // namespace
}  // namespace dray
