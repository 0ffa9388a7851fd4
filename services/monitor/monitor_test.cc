#include "services/monitor/monitor.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "core/telemetry/metrics.h"
#include "core/telemetry/monitor_pusher.h"
#include "core/telemetry/process_metrics.h"
#include "dray/monitor/v1/monitor.grpc.pb.h"
#include "services/monitor/testing/http_client.h"

namespace dray::monitor {
namespace {

std::unique_ptr<Monitor> Start() {
  Monitor::Options options;
  options.listen = "127.0.0.1:0";
  options.http = "127.0.0.1:0";
  auto monitor = Monitor::Start(options);
  EXPECT_TRUE(monitor.ok()) << monitor.status();
  return *std::move(monitor);
}

std::string Body(const std::string& response) {
  const size_t at = response.find("\r\n\r\n");
  return at == std::string::npos ? "" : response.substr(at + 4);
}

grpc::Status Push(const Monitor& monitor, const v1::PushRequest& request) {
  const auto stub = v1::Monitor::NewStub(
      grpc::CreateChannel(monitor.grpc_address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  v1::PushResponse response;
  return stub->Push(&context, request, &response);
}

v1::PushRequest Request(uint64_t sequence = 1) {
  v1::PushRequest request;
  request.set_instance("transfer-1");
  request.set_service("transfer");
  request.set_sequence(sequence);
  return request;
}

// The page at `path` once it contains `what`.
std::string WaitFor(const Monitor& monitor, const std::string& path, const std::string& what) {
  std::string body;
  const absl::Time give_up = absl::Now() + absl::Seconds(30);
  while (absl::Now() < give_up) {
    body = Body(Get(monitor.http_address(), path));
    if (body.find(what) != std::string::npos) return body;
    absl::SleepFor(absl::Milliseconds(20));
  }
  ADD_FAILURE() << path << " never had " << what << ", but\n" << body;
  return body;
}

TEST(MonitorTest, ShowsWhatAServicePushes) {
  const auto monitor = Start();
  auto registry = std::make_shared<prometheus::Registry>();
  metrics::BytesReceived(*registry).Add({{"dialect", "native"}}).Increment(1234567);
  metrics::Errors(*registry).Add({{"dialect", "native"}, {"code", "NOT_FOUND"}}).Increment(2);
  metrics::TransferDuration(*registry)
      .Add({{"dialect", "native"}, {"direction", "upload"}}, metrics::TransferBuckets())
      .Observe(0.2);
  MonitorPusher::Options options;
  options.address = monitor->grpc_address();
  options.service = "transfer";
  options.period = absl::Milliseconds(20);
  options.fill = [](v1::PushRequest* request) {
    v1::Transfer* transfer = request->add_transfers();
    transfer->set_path("dir/\xff<b>.bin");
    transfer->set_direction("upload");
  };
  MonitorPusher pusher(options, {registry, std::make_shared<ProcessMetrics>()});
  pusher.ReportEvent("warning", "look here");

  const std::string labels = "service=\"transfer\",instance=\"" + pusher.instance() + "\"";
  const std::string text =
      WaitFor(*monitor, "/metrics", "dray_bytes_received_total{" + labels + ",dialect=\"native\"}");
  for (const std::string& line :
       {"dray_up{" + labels + "} 1\n",
        "dray_errors_total{" + labels + ",code=\"NOT_FOUND\",dialect=\"native\"} 2\n",
        std::string("dray_monitor_pushes_total{service=\"monitor\""),
        std::string("# TYPE dray_transfer_duration_seconds histogram\n"),
        std::string("process_resident_memory_bytes{service=\"transfer\""),
        std::string("process_resident_memory_bytes{service=\"monitor\"")}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
  }

  const auto snapshot = nlohmann::json::parse(WaitFor(*monitor, "/api/snapshot", "look here"),
                                              nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(snapshot.is_object());
  EXPECT_EQ(snapshot["bytes_received_total"], 1234567);
  EXPECT_EQ(snapshot["errors_by_code"]["NOT_FOUND"], 2);
  EXPECT_EQ(snapshot["transfers"][0]["path"], "dir/\\xff<b>.bin");
  EXPECT_EQ(snapshot["instances"].size(), 2u);

  const std::string page = Get(monitor->http_address(), "/");
  EXPECT_NE(page.find("Content-Security-Policy: default-src 'none';"), std::string::npos);
  EXPECT_NE(page.find("<script type=\"module\" src=\"/app.js\">"), std::string::npos);
}

// Every line of the exposition is a comment or a sample; each family has one HELP and one TYPE, and
// its samples together.
TEST(MonitorTest, TheExpositionKeepsToTheFormat) {
  const auto monitor = Start();
  auto request = Request();
  v1::Family* family = request.add_families();
  family->set_name("dray_errors_total");
  family->set_help("Errors.");
  family->set_type(v1::COUNTER);
  (*family->add_series()->mutable_labels())["code"] = "a\"b\nc\\";
  ASSERT_TRUE(Push(*monitor, request).ok());
  const std::string body = Body(Get(monitor->http_address(), "/metrics"));
  const std::regex sample(
      R"re(([a-z_0-9]+)\{([a-z]+="([^"\\\n]|\\["\\n])*",?)*\} [-+0-9.eEInfNa]+)re");
  const std::regex comment(R"(# (HELP|TYPE) ([a-z_0-9]+) .+)");
  std::set<std::string> told;
  std::istringstream lines(body);
  int samples = 0;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, comment)) {
      EXPECT_TRUE(told.insert(match[1].str() + " " + match[2].str()).second) << line << " twice";
    } else {
      EXPECT_TRUE(std::regex_match(line, match, sample)) << line;
      ++samples;
    }
  }
  EXPECT_GT(samples, 8);
  EXPECT_EQ(body.back(), '\n');
}

TEST(MonitorTest, PathsAndMethods) {
  const auto monitor = Start();
  const std::string& address = monitor->http_address();
  EXPECT_TRUE(Get(address, "/healthz").ends_with("\r\n\r\nok\n"));
  for (const char* asset : {"/style.css", "/app.js", "/charts.js", "/chart.min.js", "/icon.svg"}) {
    EXPECT_EQ(Get(address, asset).substr(0, 12), "HTTP/1.1 200") << asset;
  }
  const std::string missing = Get(address, "/nothing");
  EXPECT_EQ(missing.substr(0, 12), "HTTP/1.1 404");
  EXPECT_NE(missing.find("/metrics"), std::string::npos);
  const std::string post =
      Exchange(address,
               "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
               "Connection: close\r\n\r\nx");
  EXPECT_EQ(post.substr(0, 12), "HTTP/1.1 405");
  EXPECT_NE(post.find("Allow: GET, HEAD\r\n"), std::string::npos);
  const std::string elsewhere =
      Exchange(address, "GET / HTTP/1.1\r\nHost: evil.example:8000\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(elsewhere.substr(0, 12), "HTTP/1.1 421");
}

TEST(MonitorTest, AssetsAreSentAgainOnlyWhenTheyChanged) {
  const auto monitor = Start();
  const std::string first = Get(monitor->http_address(), "/app.js");
  const size_t at = first.find("ETag: ") + 6;
  ASSERT_GT(at, 6u) << first;
  const std::string tag = first.substr(at, first.find("\r\n", at) - at);
  const std::string again = Exchange(
      monitor->http_address(), "GET /app.js HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: " + tag +
                                   "\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(again.substr(0, 12), "HTTP/1.1 304");
  EXPECT_EQ(Body(again), "");
}

TEST(MonitorTest, TheStreamTellsWhatIsPushed) {
  const auto monitor = Start();
  TestConnection stream(monitor->http_address());
  stream.Send("GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string head = stream.ReadPast("retry: 2000\n\n");
  EXPECT_NE(head.find("Content-Type: text/event-stream\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("Cache-Control: no-store\r\n"), std::string::npos) << head;
  auto request = Request();
  request.add_connections()->set_id("c77-1");
  ASSERT_TRUE(Push(*monitor, request).ok());
  const std::string messages = stream.ReadPast("c77-1") + stream.ReadPast("\n\n");
  const std::string begin = "event: snapshot\ndata: ";
  const size_t at = messages.rfind(begin, messages.find("c77-1"));
  ASSERT_NE(at, std::string::npos) << messages;
  const size_t end = messages.find("\n\n", at);
  const auto snapshot = nlohmann::json::parse(
      messages.substr(at + begin.size(), end - at - begin.size()), nullptr, false);
  ASSERT_TRUE(snapshot.is_object()) << messages;
  EXPECT_EQ(snapshot["connections"][0]["id"], "c77-1");
  WaitFor(*monitor, "/metrics", "dray_monitor_streams{service=\"monitor\"");
}

TEST(MonitorTest, RefusesBadPushes) {
  const auto monitor = Start();
  EXPECT_EQ(Push(*monitor, v1::PushRequest()).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  auto large = Request();
  for (int i = 0; i < 1100; ++i) large.add_transfers()->set_path(std::string(4096, 'p'));
  EXPECT_EQ(Push(*monitor, large).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  auto bad = Request();
  bad.add_families()->set_name("Bad");
  EXPECT_TRUE(Push(*monitor, bad).ok());
  const std::string body = Body(Get(monitor->http_address(), "/metrics"));
  EXPECT_TRUE(std::regex_search(
      body, std::regex(R"(dray_monitor_rejected_total\{[^}]*reason="bad_metric_name"\} 1\n)")))
      << body;
}

TEST(MonitorTest, RefusesToListenForAnyoneUnlessMeant) {
  Monitor::Options options;
  options.listen = "0.0.0.0:0";
  options.http = "127.0.0.1:0";
  auto monitor = Monitor::Start(options);
  EXPECT_EQ(monitor.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(monitor.status().message().find("--allow-anyone"), absl::string_view::npos);
  EXPECT_NE(monitor.status().message().find("0.0.0.0:0"), absl::string_view::npos);
  options.allow_anyone = true;
  EXPECT_TRUE(Monitor::Start(options).ok());
  options = {};
  options.http = "[::]:0";
  EXPECT_EQ(Monitor::Start(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.http = "nonsense";
  EXPECT_EQ(Monitor::Start(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(MonitorTest, PortsInUseAreNamed) {
  const auto first = Start();
  Monitor::Options options;
  options.listen = first->grpc_address();
  options.http = "127.0.0.1:0";
  auto second = Monitor::Start(options);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find(first->grpc_address()), absl::string_view::npos)
      << second.status();
  options.listen = "127.0.0.1:0";
  options.http = first->http_address();
  second = Monitor::Start(options);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.status().message().find(first->http_address()), absl::string_view::npos)
      << second.status();
}

TEST(MonitorTest, StopsSoonThoughAServiceKeepsPushing) {
  auto monitor = Start();
  MonitorPusher::Options options;
  options.address = monitor->grpc_address();
  options.service = "delta";
  options.period = absl::Milliseconds(5);
  MonitorPusher pusher(options, {});
  WaitFor(*monitor, "/metrics", "dray_up{service=\"delta\"");
  TestConnection idle(monitor->http_address());
  const absl::Time start = absl::Now();
  monitor.reset();
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
}

}  // namespace
}  // namespace dray::monitor
