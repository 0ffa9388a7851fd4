#include "services/monitor/exposition.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dray::monitor {
namespace {

v1::Series* AddSeries(v1::PushRequest* push, const std::string& name, v1::MetricType type) {
  v1::Family* family = push->add_families();
  family->set_name(name);
  family->set_help("Help of " + name + ".");
  family->set_type(type);
  return family->add_series();
}

Instance Make(const std::string& name, const v1::PushRequest& contents, bool up = true) {
  auto push = std::make_shared<v1::PushRequest>(contents);
  push->set_instance(name);
  push->set_service("transfer");
  return {std::move(push), absl::Seconds(1), up};
}

TEST(ExpositionTest, IsEmptyWithoutInstances) { EXPECT_EQ(Exposition({}), ""); }

TEST(ExpositionTest, LabelsEachSeriesAndGroupsFamilies) {
  v1::PushRequest push;
  v1::Series* errors = AddSeries(&push, "dray_errors_total", v1::COUNTER);
  errors->set_value(3);
  (*errors->mutable_labels())["code"] = "NOT_FOUND";
  v1::Series* active = AddSeries(&push, "dray_connections_active", v1::GAUGE);
  active->set_value(2);
  EXPECT_EQ(Exposition({Make("t-1", push), Make("t-2", push, /*up=*/false)}),
            "# HELP dray_up 1 if the instance pushes its metrics, 0 if it is silent or stopped.\n"
            "# TYPE dray_up gauge\n"
            "dray_up{service=\"transfer\",instance=\"t-1\"} 1\n"
            "dray_up{service=\"transfer\",instance=\"t-2\"} 0\n"
            "# HELP dray_connections_active Help of dray_connections_active.\n"
            "# TYPE dray_connections_active gauge\n"
            "dray_connections_active{service=\"transfer\",instance=\"t-1\"} 2\n"
            "# HELP dray_errors_total Help of dray_errors_total.\n"
            "# TYPE dray_errors_total counter\n"
            "dray_errors_total{service=\"transfer\",instance=\"t-1\",code=\"NOT_FOUND\"} 3\n"
            "dray_errors_total{service=\"transfer\",instance=\"t-2\",code=\"NOT_FOUND\"} 3\n");
}

TEST(ExpositionTest, Histograms) {
  v1::PushRequest push;
  v1::Series* series = AddSeries(&push, "dray_transfer_duration_seconds", v1::HISTOGRAM);
  for (const auto& [bound, count] :
       {std::make_pair(0.5, 1), std::make_pair(std::numeric_limits<double>::infinity(), 4)}) {
    v1::Bucket* bucket = series->add_buckets();
    bucket->set_upper_bound(bound);
    bucket->set_cumulative_count(static_cast<uint64_t>(count));
  }
  series->set_count(4);
  series->set_sum(9.5);
  const std::string text = Exposition({Make("t-1", push)});
  const std::string labels = "service=\"transfer\",instance=\"t-1\"";
  const std::string name = "dray_transfer_duration_seconds";
  for (const std::string& line :
       {"# TYPE " + name + " histogram\n", name + "_count{" + labels + "} 4\n",
        name + "_sum{" + labels + "} 9.5\n", name + "_bucket{" + labels + ",le=\"0.5\"} 1\n",
        name + "_bucket{" + labels + ",le=\"+Inf\"} 4\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
  }
}

TEST(ExpositionTest, ValuesCannotBreakOut) {
  v1::PushRequest push;
  (*AddSeries(&push, "dray_errors_total", v1::COUNTER)->mutable_labels())["code"] = "a\"} 1\nb\\";
  const std::string text = Exposition({Make("t-1", push)});
  EXPECT_NE(text.find("code=\"a\\\"} 1\\nb\\\\\"} 0\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace dray::monitor
