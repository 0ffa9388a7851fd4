// Debian's Prometheus with deploy/prometheus' configuration, scraping the real services under load:
// it is asked what the dashboards of deploy/grafana ask, over its API, and must have an answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/socket.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using Json = nlohmann::json;
using ::testing::IsEmpty;

constexpr absl::Duration kSoon = absl::Seconds(60);

std::string Deployed(const std::string& name) {
  return absl::StrCat(std::getenv("TEST_SRCDIR"), "/", std::getenv("TEST_WORKSPACE"), "/deploy/",
                      name);
}

std::string PercentEncode(const std::string& text) {
  std::string encoded;
  for (const unsigned char c : text) {
    if (std::isalnum(c)) {
      encoded += static_cast<char>(c);
    } else {
      absl::StrAppend(&encoded, "%", absl::Hex(c, absl::kZeroPad2));
    }
  }
  return encoded;
}

// One panel's query, its variables as Grafana fills them in.
struct Query {
  std::string panel;
  std::string expression;
};

std::vector<Query> DashboardQueries() {
  std::vector<Query> queries;
  for (const auto& file : std::filesystem::directory_iterator(Deployed("grafana/dashboards"))) {
    const Json board = Json::parse(ReadFile(file.path().string()), nullptr, false);
    EXPECT_TRUE(board.is_object()) << file.path();
    for (const Json& panel : board["panels"]) {
      for (const Json& target : panel.value("targets", Json::array())) {
        queries.push_back(
            {absl::StrCat(board["title"].get<std::string>(), ", ",
                          panel["title"].get<std::string>()),
             absl::StrReplaceAll(target["expr"].get<std::string>(), {{"$__rate_interval", "15s"},
                                                                     {"$__range", "1m"},
                                                                     {"$instance", ".+"},
                                                                     {"$dialect", ".+"}})});
      }
    }
  }
  return queries;
}

class PrometheusTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    Configure();
  }

  // The deployed files as they are, but that a test has less patience and monitor another port.
  void Configure() {
    const std::string folder = stack_.Path("prometheus");
    std::filesystem::create_directories(folder + "/targets");
    for (const char* name : {"recording.yml", "alerts.yml"}) {
      WriteFile(folder + "/" + name, ReadFile(Deployed(absl::StrCat("prometheus/", name))));
    }
    std::string config = ReadFile(Deployed("prometheus/prometheus.yml"));
    const int replaced =
        absl::StrReplaceAll({{"scrape_interval: 5s", "scrape_interval: 1s"},
                             {"evaluation_interval: 15s", "evaluation_interval: 1s"}},
                            &config);
    EXPECT_EQ(replaced, 2) << config;
    WriteFile(folder + "/prometheus.yml", config);
    WriteFile(folder + "/targets/test.yml",
              absl::StrCat("- targets: [\"", stack_.monitor().Address("http"), "\"]\n"));
    const TakenPort port;
    address_ = port.address();
    options_.command = {"/usr/bin/prometheus", "--config.file=" + folder + "/prometheus.yml",
                        "--storage.tsdb.path=" + folder + "/data",
                        "--web.listen-address=" + address_};
    options_.error_file = folder + "/prometheus.log";
  }
  void RunPrometheus() {
    prometheus_ = std::make_unique<Process>(options_);
    ASSERT_TRUE(Eventually(kSoon, [&] {
      std::string status;
      HttpGet(address_, "/-/ready", &status);
      return status.find(" 200 ") != std::string::npos;
    })) << ReadFile(options_.error_file);
  }

  // In HTTP/1.0, so that the answer comes in one piece.
  Json Ask(const std::string& path) {
    RawSocket socket(address_);
    socket.Send(absl::StrCat("GET ", path, " HTTP/1.0\r\n\r\n"));
    bool closed = false;
    const std::string answer = socket.ReceiveAll(absl::Seconds(10), &closed);
    const size_t body = answer.find("\r\n\r\n");
    return Json::parse(body == std::string::npos ? "" : answer.substr(body + 4), nullptr,
                       /*allow_exceptions=*/false);
  }
  // Empty where there is no sample that is a number.
  std::vector<double> Values(const std::string& expression, std::string* why = nullptr) {
    const Json answer = Ask("/api/v1/query?query=" + PercentEncode(expression));
    if (why != nullptr) *why = answer.dump();
    std::vector<double> values;
    if (!answer.is_object() || answer.value("status", "") != "success") return values;
    for (const Json& sample : answer["data"]["result"]) {
      double value = 0;
      const bool number = absl::SimpleAtod(sample["value"][1].get<std::string>(), &value);
      if (number && !std::isnan(value)) values.push_back(value);
    }
    return values;
  }

  // Puts, gets and everything else that the services count, over and over.
  void Load() {
    WriteRandomFile(stack_.Path("file"), 2'000'000, 3);
    for (int i = 0; !stop_; ++i) {
      const std::string name = absl::StrCat(":/file", i % 10);
      WriteRandomFile(stack_.Path("new"), 700'000, 100 + i);
      stack_.Dray({"put", stack_.Path("new"), name});
      stack_.Dray({"put", stack_.Path("file"), ":/copy"});
      stack_.Dray({"get", name, stack_.Target("back")});
      stack_.Dray({"ls", ":/"});
      stack_.Dray({"rm", ":/copy"});
      stack_.Dray({"stat", ":/not/there"});
    }
  }

  Stack stack_;
  std::string address_;
  Process::Options options_;
  std::unique_ptr<Process> prometheus_;
  std::atomic<bool> stop_{false};
};

TEST_F(PrometheusTest, AnswersWhatTheDashboardsAsk) {
  RunPrometheus();
  ASSERT_FALSE(HasFatalFailure());
  std::thread load([this] { Load(); });
  const auto queries = DashboardQueries();
  EXPECT_GT(queries.size(), 40u);
  for (const Query& query : queries) {
    std::string why;
    EXPECT_TRUE(Eventually(kSoon, [&] { return !Values(query.expression, &why).empty(); }))
        << query.panel << ": " << query.expression << "\n"
        << why;
  }
  for (const char* rule :
       {"sum(dray:bytes_received:rate5m)", "sum(dray:bytes_sent:rate5m)",
        "sum(dray:bytes_saved:rate5m)", "dray:bytes_saved:ratio_rate5m",
        "dray:transfer_duration_seconds:p99_rate5m",
        "dray:delta_request_duration_seconds:p99_rate5m",
        "dray:catalog_commit_duration_seconds:p99_rate5m", "instance:connections:saturation + 1",
        "instance:disk_free:ratio", "dray:errors:ratio_rate5m + 1"}) {
    EXPECT_TRUE(Eventually(kSoon, [&] {
      const auto values = Values(rule);
      return !values.empty() && values[0] > 0;
    })) << rule;
  }
  stop_ = true;
  load.join();
  // What it knows is what monitor tells.
  EXPECT_TRUE(Eventually(kSoon, [&] {
    const Json snapshot =
        Json::parse(HttpGet(stack_.monitor().Address("http"), "/api/snapshot"), nullptr, false);
    const auto saved = Values("sum(dray_bytes_saved_total)");
    return saved.size() == 1 && saved[0] > 0 && saved[0] == snapshot["bytes_saved_total"];
  }));
  // Rules are well, and a healthy system raises no alarm that calls somebody.
  for (const Json& group : Ask("/api/v1/rules")["data"]["groups"]) {
    for (const Json& rule : group["rules"]) {
      EXPECT_EQ(rule["health"], "ok") << rule.dump(2);
      const bool critical =
          rule.value("labels", Json::object()).value("severity", "") == "critical";
      const bool disk = rule["name"] == "DrayDiskNearlyFull";  // the machine's own affair
      if (critical && !disk) {
        EXPECT_EQ(rule["state"], "inactive") << rule.dump(2);
      }
    }
  }
}

TEST_F(PrometheusTest, TheMetricsKeepToItsConventions) {
  WriteRandomFile(stack_.Path("file"), 1'000'000, 3);
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/file"}).status, 0);
  const std::string file = stack_.Path("metrics");
  ASSERT_TRUE(Eventually(kSoon, [&] {
    const std::string metrics = HttpGet(stack_.monitor().Address("http"), "/metrics");
    WriteFile(file, metrics);
    return metrics.find("dray_catalog_commits_total") != std::string::npos &&
           metrics.find("dray_files_total") != std::string::npos;
  }));
  Process::Options options;
  options.command = {"/bin/sh", "-c", "exec promtool check metrics < " + file};
  options.output_file = options.error_file = stack_.Path("promtool");
  Process promtool(options);
  const auto ended = promtool.Wait(kSoon);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->status(), 0) << ReadFile(options.error_file);
  EXPECT_THAT(ReadFile(options.error_file), IsEmpty());
}

}  // namespace
}  // namespace dray::testing
