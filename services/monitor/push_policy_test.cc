#include "services/monitor/push_policy.h"

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dray::monitor {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

v1::Series* AddSeries(v1::PushRequest* push, const std::string& name, v1::MetricType type,
                      double value = 1) {
  v1::Family* family = push->add_families();
  family->set_name(name);
  family->set_help("Help.");
  family->set_type(type);
  v1::Series* series = family->add_series();
  if (type != v1::HISTOGRAM) series->set_value(value);
  return series;
}

void AddBucket(v1::Series* series, double bound, uint64_t count) {
  v1::Bucket* bucket = series->add_buckets();
  bucket->set_upper_bound(bound);
  bucket->set_cumulative_count(count);
  series->set_count(count);
}

// What is refused of `push`; it becomes what is left.
Refusals Refuse(v1::PushRequest* push) {
  Refusals refusals;
  RemoveInadmissible(push, &refusals);
  return refusals;
}

TEST(PushPolicyTest, IdentityIsShortAndPlain) {
  v1::PushRequest push;
  push.set_instance("transfer-1f3a9c");
  push.set_service("transfer");
  EXPECT_TRUE(CheckIdentity(push).ok());
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("A"),
                                 std::string("a\"b"), std::string(65, 'a')}) {
    v1::PushRequest other = push;
    other.set_instance(bad);
    EXPECT_EQ(CheckIdentity(other).code(), absl::StatusCode::kInvalidArgument) << bad;
    other = push;
    other.set_service(bad);
    EXPECT_EQ(CheckIdentity(other).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  push.set_software(std::string(129, 'x'));
  EXPECT_EQ(CheckIdentity(push).code(), absl::StatusCode::kInvalidArgument);
}

TEST(PushPolicyTest, KeepsWhatIsAllowed) {
  v1::PushRequest push;
  auto* errors = AddSeries(&push, "dray_errors_total", v1::COUNTER);
  (*errors->mutable_labels())["code"] = "NOT_FOUND";
  AddSeries(&push, "process_open_fds", v1::GAUGE, -1);
  auto* histogram = AddSeries(&push, "dray_transfer_duration_seconds", v1::HISTOGRAM);
  AddBucket(histogram, 1, 2);
  AddBucket(histogram, kInfinity, 3);
  v1::Event* event = push.add_events();
  event->set_level("info");
  push.add_connections()->set_id("c1");
  push.add_transfers()->set_direction("upload");
  const std::string before = push.DebugString();
  EXPECT_EQ(Refuse(&push), Refusals());
  EXPECT_EQ(push.DebugString(), before);
}

TEST(PushPolicyTest, MetricNames) {
  for (const char* name : {"up", "dray_", "dray_Upper", "dray_a-b", "dray_a\n", "dray_up",
                           "go_threads", "process_", ""}) {
    v1::PushRequest push;
    AddSeries(&push, name, v1::COUNTER);
    EXPECT_EQ(Refuse(&push), (Refusals{{"bad_metric_name", 1}})) << name;
    EXPECT_TRUE(push.families().empty());
  }
  v1::PushRequest push;
  AddSeries(&push, "dray_" + std::string(200, 'a'), v1::COUNTER);
  EXPECT_EQ(Refuse(&push), (Refusals{{"bad_metric_name", 1}}));
}

TEST(PushPolicyTest, TypesHelpsAndDuplicates) {
  v1::PushRequest push;
  AddSeries(&push, "dray_a", v1::METRIC_TYPE_UNSPECIFIED);
  AddSeries(&push, "dray_b", v1::GAUGE);
  push.mutable_families(1)->set_help(std::string(257, 'h'));
  AddSeries(&push, "dray_c", v1::GAUGE, 1);
  AddSeries(&push, "dray_c", v1::GAUGE, 2);
  EXPECT_EQ(Refuse(&push),
            (Refusals{{"bad_metric_type", 1}, {"bad_help", 1}, {"duplicate_family", 1}}));
  ASSERT_EQ(push.families_size(), 1);
  EXPECT_EQ(push.families(0).series(0).value(), 1);
}

TEST(PushPolicyTest, AHelpCannotBreakItsLine) {
  for (const char* help : {"a\ndray_up 1", "a\r", "a\\n", "caf\xc3\xa9"}) {
    v1::PushRequest push;
    AddSeries(&push, "dray_a", v1::GAUGE);
    push.mutable_families(0)->set_help(help);
    EXPECT_EQ(Refuse(&push), (Refusals{{"bad_help", 1}})) << help;
  }
}

TEST(PushPolicyTest, Labels) {
  for (const char* name : {"path", "instance", "service", "le", ""}) {
    v1::PushRequest push;
    (*AddSeries(&push, "dray_a", v1::GAUGE)->mutable_labels())[name] = "x";
    EXPECT_EQ(Refuse(&push), (Refusals{{"bad_label", 1}})) << name;
  }
  v1::PushRequest push;
  (*AddSeries(&push, "dray_a", v1::GAUGE)->mutable_labels())["code"] = std::string(65, 'x');
  EXPECT_EQ(Refuse(&push), (Refusals{{"bad_label", 1}}));
}

TEST(PushPolicyTest, SeriesThatAreAlike) {
  v1::PushRequest push;
  (*AddSeries(&push, "dray_a", v1::GAUGE)->mutable_labels())["code"] = "x";
  for (const char* code : {"x", "y"}) {
    (*push.mutable_families(0)->add_series()->mutable_labels())["code"] = code;
  }
  EXPECT_EQ(Refuse(&push), (Refusals{{"duplicate_series", 1}}));
  EXPECT_EQ(push.families(0).series_size(), 2);
}

TEST(PushPolicyTest, AtMostAThousandSeriesInAll) {
  v1::PushRequest push;
  for (const char* name : {"dray_a", "dray_b", "dray_c"}) {
    AddSeries(&push, name, v1::GAUGE);
    v1::Family* family = push.mutable_families(push.families_size() - 1);
    for (int i = 1; i < 600; ++i) {
      (*family->add_series()->mutable_labels())["code"] = std::to_string(i);
    }
  }
  EXPECT_EQ(Refuse(&push), (Refusals{{"too_many_series", 800}}));
  ASSERT_EQ(push.families_size(), 2);
  EXPECT_EQ(push.families(0).series_size(), 600);
  EXPECT_EQ(push.families(1).series_size(), 400);
}

TEST(PushPolicyTest, Values) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [type, value] :
       {std::make_pair(v1::COUNTER, -1.0), std::make_pair(v1::COUNTER, nan),
        std::make_pair(v1::COUNTER, kInfinity), std::make_pair(v1::GAUGE, nan)}) {
    v1::PushRequest push;
    AddSeries(&push, "dray_a", type, value);
    EXPECT_EQ(Refuse(&push), (Refusals{{"bad_value", 1}})) << type << " " << value;
  }
}

TEST(PushPolicyTest, Histograms) {
  const auto refused = [](const std::vector<std::pair<double, uint64_t>>& buckets,
                          std::optional<uint64_t> count = std::nullopt) {
    v1::PushRequest push;
    v1::Series* series = AddSeries(&push, "dray_a_seconds", v1::HISTOGRAM);
    for (const auto& [bound, cumulative] : buckets) AddBucket(series, bound, cumulative);
    if (count.has_value()) series->set_count(*count);
    return Refuse(&push) == Refusals{{"bad_histogram", 1}};
  };
  EXPECT_FALSE(refused({{1, 0}, {kInfinity, 0}}));
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({{1, 0}, {2, 0}})) << "no +Inf";
  EXPECT_TRUE(refused({{2, 0}, {1, 0}, {kInfinity, 0}})) << "falling bounds";
  EXPECT_TRUE(refused({{1, 0}, {1, 0}, {kInfinity, 0}})) << "equal bounds";
  EXPECT_TRUE(refused({{1, 2}, {kInfinity, 1}})) << "falling counts";
  EXPECT_TRUE(refused({{1, 1}, {kInfinity, 1}}, 2)) << "count does not match";
  std::vector<std::pair<double, uint64_t>> many;
  for (int i = 0; i < 64; ++i) many.emplace_back(i, 0);
  many.emplace_back(kInfinity, 0);
  EXPECT_TRUE(refused(many)) << "too many buckets";
}

TEST(PushPolicyTest, Lists) {
  v1::PushRequest push;
  push.add_events()->set_level("loud");
  push.add_events()->set_level("error");
  push.mutable_events(1)->set_message(std::string(5000, 'm'));
  push.add_connections()->set_peer(std::string(129, 'p'));
  push.add_transfers()->set_direction("sideways");
  for (int i = 0; i < 1001; ++i) push.add_transfers()->set_direction("download");
  EXPECT_EQ(Refuse(&push),
            (Refusals{{"bad_event", 2}, {"bad_connection", 1}, {"bad_transfer", 2}}));
  EXPECT_TRUE(push.events().empty());
  EXPECT_TRUE(push.connections().empty());
  EXPECT_EQ(push.transfers_size(), 1000);
}

}  // namespace
}  // namespace dray::monitor
