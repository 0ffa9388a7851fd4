#include "core/telemetry/monitor_pusher.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/version.h"
#include "core/telemetry/logging.h"
#include "core/telemetry/push_message.h"
#include "dray/monitor/v1/monitor.grpc.pb.h"

namespace dray {
namespace {

constexpr size_t kMaxEvents = 1000;
constexpr absl::Duration kPushTimeout = absl::Seconds(2);
constexpr absl::Duration kLastPushTimeout = absl::Seconds(1);
constexpr absl::Duration kMaxBackOff = absl::Seconds(5);

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 250);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(kMaxBackOff)));
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

class MonitorPusher::Impl {
 public:
  Impl(Options options, std::vector<std::shared_ptr<prometheus::Collectable>> sources)
      : options_(std::move(options)),
        sources_(std::move(sources)),
        instance_(absl::StrCat(options_.service, "-", absl::BytesToHexString(RandomBytes(3)))),
        started_ns_(absl::GetCurrentTimeNanos()) {
    if (options_.address.empty()) return;
    stub_ = monitor::v1::Monitor::NewStub(MakeChannel(options_.address));
    thread_ = std::thread([this] { Run(); });
  }

  ~Impl() {
    if (!thread_.joinable()) return;
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
      if (in_flight_ != nullptr) in_flight_->TryCancel();
    }
    thread_.join();
  }

  const std::string& instance() const { return instance_; }

  bool healthy() const {
    absl::MutexLock lock(&mutex_);
    return healthy_ || options_.address.empty();
  }

  void ReportEvent(const std::string& level, const std::string& message,
                   const std::string& connection_id) {
    if (options_.address.empty()) return;
    monitor::v1::Event event = MakeEvent(level, message, connection_id);
    absl::MutexLock lock(&mutex_);
    last_event_ns_ = std::max<int64_t>(absl::GetCurrentTimeNanos(), last_event_ns_ + 1);
    event.set_time_ns(last_event_ns_);
    events_.push_back(std::move(event));
    if (events_.size() > kMaxEvents) events_.pop_front();
  }

 private:
  void Run() {
    NameThread("monitor-push");
    absl::Duration pause = options_.period;
    while (!Stopping()) {
      const bool taken = Push(/*last=*/false);
      pause = std::min(taken ? std::max(options_.period, asked_pause_) : pause * 2, kMaxBackOff);
      SleepUnless([this] { return Stopping(); }, pause);
    }
    Push(/*last=*/true);
  }

  bool Stopping() {
    absl::MutexLock lock(&mutex_);
    return stopping_;
  }

  bool Push(bool last) {
    const monitor::v1::PushRequest request = MakeRequest(last);
    const int64_t last_sent_event_ns =
        request.events().empty() ? 0 : request.events(request.events_size() - 1).time_ns();
    grpc::ClientContext context;
    context.set_deadline(GrpcDeadline(last ? kLastPushTimeout : kPushTimeout));
    Begin(&context, last);
    monitor::v1::PushResponse response;
    const grpc::Status status = stub_->Push(&context, request, &response);
    End();
    if (status.ok()) {
      ForgetEventsUntil(last_sent_event_ns);
      asked_pause_ = absl::Milliseconds(response.pause_ms());
    }
    TellOf(status);
    return status.ok();
  }

  monitor::v1::PushRequest MakeRequest(bool last) {
    monitor::v1::PushRequest request;
    request.set_instance(instance_);
    request.set_service(options_.service);
    request.set_software(absl::StrCat("dray-", options_.service, " ", kVersion));
    request.set_started_ns(started_ns_);
    request.set_sequence(++sequence_);
    request.set_last(last);
    for (const auto& source : sources_) AddFamilies(source->Collect(), &request);
    if (options_.fill) options_.fill(&request);
    {
      absl::MutexLock lock(&mutex_);
      for (const auto& event : events_) *request.add_events() = event;
    }
    LimitSize(&request);
    return request;
  }

  // The destructor cancels what is in flight, so that it waits for the last push only.
  void Begin(grpc::ClientContext* context, bool last) {
    absl::MutexLock lock(&mutex_);
    if (stopping_ && !last) context->TryCancel();
    if (!stopping_) in_flight_ = context;
  }

  void End() {
    absl::MutexLock lock(&mutex_);
    in_flight_ = nullptr;
  }

  void ForgetEventsUntil(int64_t time_ns) {
    absl::MutexLock lock(&mutex_);
    while (!events_.empty() && events_.front().time_ns() <= time_ns) events_.pop_front();
  }

  // Logs when it changes whether pushes are taken. One that the destructor cancelled says nothing.
  void TellOf(const grpc::Status& status) {
    bool lost = false;
    bool returned = false;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_ && !status.ok()) return;
      lost = !status.ok() && !told_loss_;
      returned = status.ok() && told_loss_;
      told_loss_ = !status.ok();
      healthy_ = status.ok();
    }
    if (lost) {
      spdlog::warn("monitor at {} does not take what is pushed ({}); trying on", options_.address,
                   status.error_message());
    }
    if (returned) spdlog::info("monitor at {} takes what is pushed again", options_.address);
  }

  const Options options_;
  const std::vector<std::shared_ptr<prometheus::Collectable>> sources_;
  const std::string instance_;
  const int64_t started_ns_;
  std::unique_ptr<monitor::v1::Monitor::Stub> stub_;
  // The thread's.
  uint64_t sequence_ = 0;
  absl::Duration asked_pause_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool healthy_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_loss_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* in_flight_ ABSL_GUARDED_BY(mutex_) = nullptr;
  int64_t last_event_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  // Not yet taken, oldest first; times rise strictly.
  std::deque<monitor::v1::Event> events_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

MonitorPusher::MonitorPusher(Options options,
                             std::vector<std::shared_ptr<prometheus::Collectable>> sources)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(sources))) {}

MonitorPusher::~MonitorPusher() = default;

void MonitorPusher::ReportEvent(const std::string& level, const std::string& message,
                                const std::string& connection_id) {
  impl_->ReportEvent(level, message, connection_id);
}

bool MonitorPusher::healthy() const { return impl_->healthy(); }

const std::string& MonitorPusher::instance() const { return impl_->instance(); }

}  // namespace dray
