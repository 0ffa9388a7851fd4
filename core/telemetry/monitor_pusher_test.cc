#include "core/telemetry/monitor_pusher.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "core/telemetry/metrics.h"
#include "core/telemetry/process_metrics.h"
#include "core/telemetry/push_message.h"
#include "dray/monitor/v1/monitor.grpc.pb.h"

namespace dray {
namespace {

using monitor::v1::PushRequest;

// A monitor that keeps what it took; it may refuse the first pushes, or answer none.
class FakeMonitor : public monitor::v1::Monitor::Service {
 public:
  explicit FakeMonitor(int refuse = 0, int port = 0) : refuse_(refuse) {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeMonitor() override {
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  }

  grpc::Status Push(grpc::ServerContext* context, const PushRequest* request,
                    monitor::v1::PushResponse* response) override {
    absl::MutexLock lock(&mutex_);
    response->set_pause_ms(pause_ms_);
    while (stuck_ && !context->IsCancelled()) {
      mutex_.AwaitWithTimeout(absl::Condition(&never_), absl::Milliseconds(5));
    }
    ++seen_;
    if (refuse_-- > 0) return {grpc::StatusCode::UNAVAILABLE, "not now"};
    taken_.push_back(*request);
    return grpc::Status::OK;
  }

  void AskForPause(uint32_t ms) {
    absl::MutexLock lock(&mutex_);
    pause_ms_ = ms;
  }
  void Stick() {
    absl::MutexLock lock(&mutex_);
    stuck_ = true;
  }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  int port() const { return port_; }

  std::vector<PushRequest> Taken(size_t at_least) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return taken_.size() >= at_least;
    };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30)));
    return taken_;
  }

 private:
  absl::Mutex mutex_;
  int refuse_ ABSL_GUARDED_BY(mutex_);
  int seen_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t pause_ms_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stuck_ ABSL_GUARDED_BY(mutex_) = false;
  bool never_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<PushRequest> taken_ ABSL_GUARDED_BY(mutex_);
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// Captures the default logger's messages.
class CapturedLog {
 public:
  CapturedLog() : before_(spdlog::default_logger()) {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    auto logger = std::make_shared<spdlog::logger>("captured", std::move(sink));
    logger->set_pattern("%l %v");
    spdlog::set_default_logger(std::move(logger));
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  // REQUIRES: nobody logs any more.
  std::string text() const { return text_.str(); }

 private:
  std::shared_ptr<spdlog::logger> before_;
  std::ostringstream text_;
};

int Count(const std::string& text, const std::string& what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

MonitorPusher::Options OptionsFor(const std::string& address) {
  MonitorPusher::Options options;
  options.address = address;
  options.service = "transfer";
  options.period = absl::Milliseconds(10);
  return options;
}

bool WaitUntil(const std::function<bool()>& condition) {
  const absl::Time give_up = absl::Now() + absl::Seconds(30);
  while (!condition()) {
    if (absl::Now() > give_up) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

TEST(MonitorPusherTest, WaitsAsLongAsMonitorAsksButTellsOfItsEndAtOnce) {
  FakeMonitor monitor;
  monitor.AskForPause(3'600'000);
  {
    MonitorPusher pusher(OptionsFor(monitor.address()), {});
    ASSERT_EQ(monitor.Taken(1).size(), 1u);
    // Fifty periods, and below the five seconds that no pause is longer than.
    absl::SleepFor(absl::Milliseconds(500));
    EXPECT_EQ(monitor.Taken(1).size(), 1u);
    EXPECT_FALSE(monitor.Taken(1).front().last());
  }
  const auto taken = monitor.Taken(2);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_TRUE(taken.back().last());
}

TEST(MonitorPusherTest, PushesAbsoluteValuesFromEverySource) {
  FakeMonitor monitor;
  auto registry = std::make_shared<prometheus::Registry>();
  auto& errors = metrics::Errors(*registry).Add({{"dialect", "native"}, {"code", "ABORTED"}});
  errors.Increment(3);
  auto options = OptionsFor(monitor.address());
  options.fill = [](PushRequest* request) { request->add_connections()->set_id("c1"); };
  MonitorPusher pusher(options, {registry, std::make_shared<ProcessMetrics>()});
  const auto taken = monitor.Taken(3);
  const PushRequest& first = taken[0];
  EXPECT_TRUE(absl::StartsWith(first.instance(), "transfer-")) << first.instance();
  EXPECT_EQ(first.instance().size(), std::string("transfer-1f3a9c").size());
  EXPECT_EQ(first.instance(), pusher.instance());
  EXPECT_EQ(first.service(), "transfer");
  EXPECT_TRUE(absl::StartsWith(first.software(), "dray-transfer "));
  EXPECT_GT(first.started_ns(), 0);
  ASSERT_EQ(first.connections_size(), 1);
  for (size_t i = 1; i < taken.size(); ++i) {
    EXPECT_GT(taken[i].sequence(), taken[i - 1].sequence());
    EXPECT_EQ(taken[i].instance(), first.instance());
  }
  const auto& family = taken[2].families(0);
  EXPECT_EQ(family.name(), "dray_errors_total");
  EXPECT_EQ(family.type(), monitor::v1::COUNTER);
  ASSERT_EQ(family.series_size(), 1);
  EXPECT_EQ(family.series(0).value(), 3);
  EXPECT_EQ(family.series(0).labels().at("code"), "ABORTED");
  bool process = false;
  for (const auto& f : taken[2].families()) process |= f.name() == "process_open_fds";
  EXPECT_TRUE(process);
  EXPECT_TRUE(WaitUntil([&] { return pusher.healthy(); }));
}

TEST(MonitorPusherTest, KeepsEventsUntilTheyWereTaken) {
  CapturedLog log;
  FakeMonitor monitor(/*refuse=*/2);
  {
    MonitorPusher pusher(OptionsFor(monitor.address()), {});
    pusher.ReportEvent("warning", "one", "c1");
    pusher.ReportEvent("error", "two\nlines");
    monitor.Taken(3);
  }
  std::vector<monitor::v1::Event> events;
  for (const auto& push : monitor.Taken(0)) {
    events.insert(events.end(), push.events().begin(), push.events().end());
  }
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].message(), "one");
  EXPECT_EQ(events[0].level(), "warning");
  EXPECT_EQ(events[0].connection_id(), "c1");
  EXPECT_EQ(events[1].message(), "two\\x0alines");
  EXPECT_GT(events[1].time_ns(), events[0].time_ns());
  EXPECT_EQ(Count(log.text(), "does not take"), 1) << log.text();
  EXPECT_EQ(Count(log.text(), "again"), 1) << log.text();
}

TEST(MonitorPusherTest, TheLatestThousandEventsAndTheLastValuesComeWithTheEnd) {
  FakeMonitor monitor;
  auto registry = std::make_shared<prometheus::Registry>();
  auto& commits = metrics::CatalogCommits(*registry).Add({});
  {
    auto options = OptionsFor(monitor.address());
    options.period = absl::Hours(1);
    MonitorPusher pusher(options, {registry});
    monitor.Taken(1);
    for (int i = 0; i < 1500; ++i) pusher.ReportEvent("info", absl::StrCat("event ", i));
    commits.Increment(7);
  }
  const auto taken = monitor.Taken(2);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[1].families(0).series(0).value(), 7);
  ASSERT_EQ(taken[1].events_size(), 1000);
  EXPECT_EQ(taken[1].events(0).message(), "event 500");
  EXPECT_EQ(taken[1].events(999).message(), "event 1499");
}

TEST(MonitorPusherTest, ReturnsWhenMonitorDoes) {
  CapturedLog log;
  auto monitor = std::make_unique<FakeMonitor>();
  const int port = monitor->port();
  {
    MonitorPusher pusher(OptionsFor(monitor->address()), {});
    monitor->Taken(1);
    monitor.reset();
    EXPECT_TRUE(WaitUntil([&] { return !pusher.healthy(); }));
    pusher.ReportEvent("info", "meanwhile");
    monitor = std::make_unique<FakeMonitor>(0, port);
    const auto taken = monitor->Taken(1);
    ASSERT_EQ(taken[0].events_size(), 1);
    EXPECT_EQ(taken[0].events(0).message(), "meanwhile");
    EXPECT_TRUE(WaitUntil([&] { return pusher.healthy(); }));
  }
  EXPECT_EQ(Count(log.text(), "warning monitor at"), 1) << log.text();
  EXPECT_EQ(Count(log.text(), "info monitor at"), 1) << log.text();
}

TEST(MonitorPusherTest, NobodyWaitsForAMonitorThatIsAway) {
  CapturedLog log;
  const absl::Time start = absl::Now();
  {
    // Port 1 on loopback refuses.
    MonitorPusher pusher(OptionsFor("127.0.0.1:1"), {});
    for (int i = 0; i < 2000; ++i) pusher.ReportEvent("info", "x");
    EXPECT_FALSE(pusher.healthy());
  }
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
}

TEST(MonitorPusherTest, EndsThoughMonitorAnswersNothing) {
  FakeMonitor monitor;
  auto pusher = std::make_unique<MonitorPusher>(
      OptionsFor(monitor.address()), std::vector<std::shared_ptr<prometheus::Collectable>>());
  monitor.Taken(1);
  monitor.Stick();
  absl::SleepFor(absl::Milliseconds(50));
  const absl::Time start = absl::Now();
  pusher.reset();
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
}

TEST(MonitorPusherTest, NoAddressIsNoPushing) {
  MonitorPusher pusher(OptionsFor(""), {});
  pusher.ReportEvent("info", "x");
  EXPECT_TRUE(pusher.healthy());
}

TEST(PushMessageTest, HistogramsAreCumulative) {
  prometheus::Registry registry;
  auto& duration = metrics::TransferDuration(registry).Add(
      {{"dialect", "native"}}, prometheus::Histogram::BucketBoundaries{0.1, 1});
  for (double value : {0.05, 0.5, 0.6, 7.0}) duration.Observe(value);
  PushRequest request;
  AddFamilies(registry.Collect(), &request);
  ASSERT_EQ(request.families_size(), 1);
  EXPECT_EQ(request.families(0).type(), monitor::v1::HISTOGRAM);
  const auto& series = request.families(0).series(0);
  EXPECT_EQ(series.count(), 4u);
  EXPECT_DOUBLE_EQ(series.sum(), 8.15);
  ASSERT_EQ(series.buckets_size(), 3);
  EXPECT_EQ(series.buckets(0).cumulative_count(), 1u);
  EXPECT_EQ(series.buckets(1).cumulative_count(), 3u);
  EXPECT_EQ(series.buckets(2).cumulative_count(), 4u);
  EXPECT_TRUE(std::isinf(series.buckets(2).upper_bound()));
}

TEST(PushMessageTest, EventsAreCutBetweenCharacters) {
  std::string text(kMaxEventTextBytes - 1, 'a');
  EXPECT_EQ(MakeEvent("info", text + "\xc3\xa9", "").message().substr(0, text.size()), text);
  const auto event = MakeEvent("info", std::string(5000, '\n'), "");
  EXPECT_LE(event.message().size(), kMaxEventTextBytes);
  PushRequest request;
  *request.add_events() = MakeEvent("info", "\xff", "\xfe");
  PushRequest back;
  EXPECT_TRUE(back.ParseFromString(request.SerializeAsString()));
}

TEST(PushMessageTest, TooLargeRequestsLoseTransfersFirst) {
  PushRequest request;
  request.add_events()->set_message("kept");
  for (int i = 0; i < 1000; ++i) request.add_transfers()->set_path(std::string(4096, 'p'));
  LimitSize(&request);
  EXPECT_LE(request.ByteSizeLong(), kMaxPushBytes);
  EXPECT_GE(request.transfers_size(), 400);
  EXPECT_EQ(request.events_size(), 1);
}

}  // namespace
}  // namespace dray
