// push_load: as many instances of a service as are asked for push their metrics, as often as is
// asked for, to dray-monitor or to a Prometheus Pushgateway. Prints one object of JSON.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "core/telemetry/metrics.h"
#include "core/telemetry/process_metrics.h"
#include "core/telemetry/push_message.h"
#include "dray/monitor/v1/monitor.grpc.pb.h"

namespace dray {
namespace {

struct Flags {
  std::string monitor;
  std::string pushgateway;
  int instances = 1000;
  double per_second = 4;  // of each, where no longer pause is asked for
  double seconds = 20;
  int threads = 16;
};

// What a transfer with three dialects pushes.
std::vector<prometheus::MetricFamily> Families() {
  prometheus::Registry registry;
  for (const char* dialect : {"native", "robust", "smart"}) {
    metrics::ConnectionsActive(registry).Add({{"dialect", dialect}}).Set(3);
    metrics::Connections(registry).Add({{"dialect", dialect}}).Increment(100);
    metrics::BytesReceived(registry).Add({{"dialect", dialect}}).Increment(1e9);
    metrics::BytesSent(registry).Add({{"dialect", dialect}}).Increment(1e9);
    for (const char* code : {"NOT_FOUND", "UNAVAILABLE", "INTERNAL", "ABORTED"}) {
      metrics::Errors(registry).Add({{"dialect", dialect}, {"code", code}}).Increment(3);
    }
    for (const char* direction : {"upload", "download"}) {
      const prometheus::Labels labels = {{"dialect", dialect}, {"direction", direction}};
      metrics::TransfersInProgress(registry).Add(labels).Set(1);
      metrics::BytesSaved(registry).Add(labels).Increment(1e9);
      metrics::TransferDuration(registry).Add(labels, metrics::TransferBuckets()).Observe(0.1);
      metrics::TransferSize(registry).Add(labels, metrics::SizeBuckets()).Observe(1e6);
    }
  }
  auto families = registry.Collect();
  for (auto& family : ProcessMetrics().Collect()) families.push_back(std::move(family));
  return families;
}

// One thread's way to where it pushes.
class Target {
 public:
  virtual ~Target() = default;
  virtual bool Push(int instance, uint64_t sequence) = 0;
  // What the last answer asked for.
  virtual absl::Duration Pause() const { return absl::ZeroDuration(); }
};

class MonitorTarget : public Target {
 public:
  explicit MonitorTarget(const std::string& address) {
    grpc::ChannelArguments own_connection;
    own_connection.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = monitor::v1::Monitor::NewStub(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), own_connection));
    request_.set_service("transfer");
    request_.set_software("dray-transfer");
    request_.set_started_ns(1);
    AddFamilies(Families(), &request_);
  }
  bool Push(int instance, uint64_t sequence) override {
    request_.set_instance(absl::StrCat("transfer-", absl::Hex(instance, absl::kZeroPad6)));
    request_.set_sequence(sequence);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
    monitor::v1::PushResponse response;
    if (!stub_->Push(&context, request_, &response).ok()) return false;
    pause_ = absl::Milliseconds(response.pause_ms());
    return true;
  }
  absl::Duration Pause() const override { return pause_; }

 private:
  std::unique_ptr<monitor::v1::Monitor::Stub> stub_;
  monitor::v1::PushRequest request_;
  absl::Duration pause_;
};

class PushgatewayTarget : public Target {
 public:
  explicit PushgatewayTarget(const std::string& address) : socket_(io_) {
    const size_t colon = address.rfind(':');
    const auto port = static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1));
    socket_.connect({boost::asio::ip::make_address(address.substr(0, colon)), port});
    body_ = prometheus::TextSerializer().Serialize(Families());
  }
  bool Push(int instance, uint64_t /*sequence*/) override {
    const std::string head =
        absl::StrCat("PUT /metrics/job/dray/instance/transfer-", absl::Hex(instance),
                     " HTTP/1.1\r\nHost: localhost\r\nContent-Length: ", body_.size(), "\r\n\r\n");
    boost::asio::write(socket_, std::vector<boost::asio::const_buffer>{boost::asio::buffer(head),
                                                                       boost::asio::buffer(body_)});
    const size_t bytes = boost::asio::read_until(socket_, answer_, "\r\n\r\n");
    const std::string text(static_cast<const char*>(answer_.data().data()), bytes);
    answer_.consume(bytes);
    return text.find(" 200 ") != std::string::npos || text.find(" 202 ") != std::string::npos;
  }

 private:
  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::streambuf answer_;
  std::string body_;
};

struct Result {
  std::atomic<int64_t> pushes{0};
  std::atomic<int64_t> failures{0};
  absl::Mutex mutex;
  std::vector<double> milliseconds ABSL_GUARDED_BY(mutex);
};

// Every `threads`th instance, each in its turn, at the pace that is asked for or as fast as it
// goes.
void PushAll(const Flags& flags, int thread, absl::Time begin, Result* result) {
  std::unique_ptr<Target> target;
  if (flags.monitor.empty()) {
    target = std::make_unique<PushgatewayTarget>(flags.pushgateway);
  } else {
    target = std::make_unique<MonitorTarget>(flags.monitor);
  }
  std::vector<double> milliseconds;
  const absl::Time end = begin + absl::Seconds(flags.seconds);
  const absl::Duration shortest = absl::Seconds(1 / flags.per_second);
  absl::Time round_begin = begin;
  for (uint64_t round = 1; absl::Now() < end; ++round) {
    const absl::Duration period = std::max(shortest, target->Pause());
    for (int i = thread; i < flags.instances && absl::Now() < end; i += flags.threads) {
      const absl::Time at = round_begin + period * (static_cast<double>(i) / flags.instances);
      absl::SleepFor(at - absl::Now());
      const absl::Time before = absl::Now();
      if (!target->Push(i, round)) ++result->failures;
      ++result->pushes;
      milliseconds.push_back(absl::ToDoubleMilliseconds(absl::Now() - before));
    }
    round_begin += period;
  }
  absl::MutexLock lock(&result->mutex);
  result->milliseconds.insert(result->milliseconds.end(), milliseconds.begin(), milliseconds.end());
}

int Run(const Flags& flags) {
  Result result;
  const absl::Time begin = absl::Now();
  std::vector<std::thread> threads;
  for (int i = 0; i < flags.threads; ++i) {
    threads.emplace_back([&flags, i, begin, &result] { PushAll(flags, i, begin, &result); });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  absl::MutexLock lock(&result.mutex);
  auto& times = result.milliseconds;
  std::sort(times.begin(), times.end());
  if (times.empty()) times.push_back(0);
  std::cout
      << absl::StrFormat(
             R"({"pushes": %d, "failures": %d, "seconds": %.2f, "p50_ms": %.3f, "p99_ms": %.3f})",
             result.pushes.load(), result.failures.load(), seconds, times[times.size() / 2],
             times[times.size() * 99 / 100])
      << std::endl;
  return result.failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace dray

int main(int argc, char** argv) {
  CLI::App app("Pushes the metrics of many instances.", "push_load");
  dray::Flags flags;
  auto* monitor = app.add_option("--monitor", flags.monitor, "HOST:PORT of dray-monitor's gRPC");
  app.add_option("--pushgateway", flags.pushgateway, "HOST:PORT of a Pushgateway")
      ->excludes(monitor);
  app.add_option("--instances", flags.instances, "How many push")->capture_default_str();
  app.add_option("--per-second", flags.per_second, "Pushes of each")->capture_default_str();
  app.add_option("--seconds", flags.seconds, "For how long")->capture_default_str();
  app.add_option("--threads", flags.threads, "Connections")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return dray::Run(flags);
}
