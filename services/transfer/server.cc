#include "services/transfer/server.h"

#include <prometheus/registry.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <map>
#include <utility>

#include "absl/time/clock.h"
#include "core/base/file.h"
#include "core/base/leases.h"
#include "core/base/version.h"
#include "core/net/event_loops.h"
#include "core/segment/local_segment_store.h"
#include "core/telemetry/disk_metrics.h"
#include "core/telemetry/logging.h"
#include "core/telemetry/metrics.h"
#include "core/telemetry/monitor_pusher.h"
#include "core/telemetry/process_metrics.h"
#include "dray/monitor/v1/monitor.pb.h"
#include "services/transfer/admin/admin_server.h"
#include "services/transfer/dialects/front_door.h"
#include "services/transfer/dialects/native/native_dialect.h"
#include "services/transfer/dialects/reserved_dialect.h"
#include "services/transfer/dialects/robust/robust_dialect.h"
#include "services/transfer/dialects/smart/smart_dialect.h"
#include "services/transfer/engine/activity.h"
#include "services/transfer/engine/compactor.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/disk_pool.h"
#include "services/transfer/engine/engine.h"
#include "services/transfer/engine/md5_keeper.h"
#include "services/transfer/engine/metered_store.h"

namespace dray::transfer {
namespace {

// Of connections and transfers, in one push.
constexpr size_t kMaxPushed = 1000;
// A store with less room than this is said to be unhealthy.
constexpr uint64_t kLowDiskBytes = 256u << 20;

void FillPush(const Activity& activity, monitor::v1::PushRequest* push) {
  for (Activity::ConnectionInfo& info : activity.Connections(kMaxPushed)) {
    monitor::v1::Connection* const to = push->add_connections();
    to->set_id(std::move(info.id));
    to->set_peer(std::move(info.peer));
    to->set_dialect(std::move(info.dialect));
    to->set_since_ns(absl::ToUnixNanos(info.since));
  }
  for (Activity::TransferInfo& info : activity.Transfers(kMaxPushed)) {
    monitor::v1::Transfer* const to = push->add_transfers();
    to->set_connection_id(std::move(info.connection_id));
    to->set_path(std::move(info.path));
    to->set_direction(info.direction == Direction::kUpload ? "upload" : "download");
    to->set_bytes_done(info.bytes_done);
    to->set_bytes_total(info.bytes_total);
    to->set_bytes_saved(info.bytes_saved);
    to->set_bytes_per_second(info.bytes_per_second);
    to->set_since_ns(absl::ToUnixNanos(info.since));
  }
}

wire::v1::StatusReply::Part MakePart(std::string name, bool healthy, std::string detail) {
  wire::v1::StatusReply::Part part;
  part.set_name(std::move(name));
  part.set_healthy(healthy);
  part.set_detail(std::move(detail));
  return part;
}

wire::v1::StatusReply::Part StorePart(const std::string& folder) {
  struct statvfs room;
  if (statvfs(folder.c_str(), &room) != 0) {
    return MakePart("store", false,
                    std::string(ErrnoStatus(errno, "cannot look at the data folder").message()));
  }
  const uint64_t free_bytes = uint64_t{room.f_bavail} * room.f_frsize;
  return MakePart("store", free_bytes >= kLowDiskBytes,
                  absl::StrCat(free_bytes >> 20, " MiB free"));
}

// Of all dialects.
void AddTotals(const prometheus::Registry& registry, wire::v1::StatusReply* reply) {
  std::map<std::string, double> sums;
  for (const prometheus::MetricFamily& family : registry.Collect()) {
    double& sum = sums[family.name];
    for (const prometheus::ClientMetric& metric : family.metric) {
      sum += metric.counter.value + metric.histogram.sample_sum;
    }
  }
  const auto total = [&sums](const char* name) { return static_cast<uint64_t>(sums[name]); };
  reply->set_bytes_received(total("dray_bytes_received_total"));
  reply->set_bytes_sent(total("dray_bytes_sent_total"));
  reply->set_bytes_saved(total("dray_bytes_saved_total"));
  reply->set_file_bytes(total("dray_transfer_size_bytes"));
  reply->set_errors(total("dray_errors_total"));
}

}  // namespace

// The order of the members is the order of construction, and the reverse of that of destruction:
// nothing is destroyed before what uses it.
class Server::Impl {
 public:
  explicit Impl(const Options& options) : options_(options) {}
  ~Impl() { Stop(); }

  absl::Status Start() {
    // A peer that is gone is an error of its socket, for sendfile(2) as well.
    std::signal(SIGPIPE, SIG_IGN);
    DRAY_RETURN_IF_ERROR(MakeFolders(options_.data));
    DRAY_ASSIGN_OR_RETURN(auto store, OpenLocalSegmentStore(options_.data));
    store_ = MeterStore(std::move(store), *registry_);
    DRAY_ASSIGN_OR_RETURN(admin_, AdminServer::Start(options_.admin, store_.get(), &operations_));
    StartPusher();
    StartDelta();
    disk_ = std::make_unique<DiskPool>(options_.disk_threads);
    loops_ = std::make_unique<EventLoops>(options_.loops, "loop");
    DRAY_RETURN_IF_ERROR(OpenFrontDoor());
    pusher_->ReportEvent("info", absl::StrCat("transfer started on ", front_door_->addresses()[0]));
    return absl::OkStatus();
  }

  void Drain(std::chrono::milliseconds timeout, const std::string& reason) {
    admin_->SetServing(false);
    pusher_->ReportEvent("info", absl::StrCat("transfer is stopping: ", reason));
    front_door_->Drain(timeout);
    drained_ = true;
    Stop();
  }

  std::vector<std::string> listen_addresses() const { return front_door_->addresses(); }
  std::string admin_address() const { return admin_->address(); }

 private:
  void StartPusher() {
    MonitorPusher::Options options;
    options.address = options_.monitor;
    options.service = "transfer";
    options.fill = [this](monitor::v1::PushRequest* push) { FillPush(activity_, push); };
    std::vector<std::shared_ptr<prometheus::Collectable>> sources = {
        registry_, std::make_shared<ProcessMetrics>(),
        std::make_shared<DiskMetrics>(options_.data)};
    pusher_ = std::make_unique<MonitorPusher>(std::move(options), std::move(sources));
    activity_.SetEventSink([this](const std::string& level, const std::string& text,
                                  const std::string& connection_id) {
      pusher_->ReportEvent(level, text, connection_id);
    });
  }

  void StartDelta() {
    DeltaClient::Options options;
    options.address = options_.delta;
    options.deadline = absl::FromChrono(options_.delta_deadline);
    options.on_health = [this](bool healthy) {
      admin_->SetDeltaServing(healthy);
      const std::string text =
          absl::StrCat("delta at ", options_.delta,
                       healthy ? " serves" : " cannot be reached, or does not serve");
      if (healthy) {
        spdlog::info(text);
      } else {
        spdlog::warn(text);
      }
      pusher_->ReportEvent(healthy ? "info" : "warning", text);
    };
    delta_ = std::make_unique<DeltaClient>(std::move(options));
  }

  absl::Status OpenFrontDoor() {
    native::Options native = options_.native;
    native.started_ns = absl::GetCurrentTimeNanos();
    native.describe = [this](wire::v1::StatusReply* reply) { Describe(reply); };
    Engine engine{store_.get(), disk_.get(), delta_.get(), &activity_, nullptr, &operations_};
    compactor_ = std::make_unique<Compactor>(engine, loops_->Next().get_executor(),
                                             options_.compaction, *registry_);
    compactor_->Start();
    // Only robust needs MD5s.
    if (Serves("robust")) {
      md5s_ = std::make_unique<Md5Keeper>(engine, loops_->Next().get_executor());
      md5s_->Start();
      engine.md5s = md5s_.get();
    }
    std::vector<std::unique_ptr<Dialect>> dialects;
    if (Serves("native")) {
      dialects.push_back(native::MakeDialect(engine, *registry_, std::move(native)));
    }
    if (Serves("robust")) {
      dialects.push_back(robust::MakeDialect(engine, *registry_, options_.robust));
    }
    // Before HTTP, which has a DELETE as well.
    if (Serves("smart")) {
      dialects.push_back(smart::MakeDialect(engine, *registry_, options_.smart));
    }
    for (auto& reserved : ReservedDialects()) dialects.push_back(std::move(reserved));
    metrics::ConnectionsLimit(*registry_)
        .Add({})
        .Set(static_cast<double>(options_.max_connections));
    FrontDoor::Options options;
    options.listen = options_.listen;
    options.max_connections = options_.max_connections;
    DRAY_ASSIGN_OR_RETURN(front_door_, FrontDoor::Open(loops_.get(), std::move(dialects), options));
    return absl::OkStatus();
  }

  bool Serves(const std::string& dialect) const {
    const auto& served = options_.dialects;
    return std::find(served.begin(), served.end(), dialect) != served.end();
  }

  void Describe(wire::v1::StatusReply* reply) const {
    AddTotals(*registry_, reply);
    *reply->add_parts() = MakePart("delta", delta_->healthy(), delta_->address());
    if (!options_.monitor.empty()) {
      *reply->add_parts() = MakePart("monitor", pusher_->healthy(), options_.monitor);
    }
    *reply->add_parts() = StorePart(options_.data);
  }

  // What calls back is stopped before what it calls into.
  void Stop() {
    if (front_door_ != nullptr && !drained_) front_door_->Drain(std::chrono::milliseconds(0));
    drained_ = true;
    if (delta_ != nullptr) delta_->Shutdown();
    if (loops_ != nullptr) loops_->Stop();
    if (md5s_ != nullptr) md5s_->Stop();
    if (compactor_ != nullptr) compactor_->Stop();
    if (disk_ != nullptr) disk_->Stop();
    if (admin_ != nullptr) admin_->Stop();
  }

  const Options options_;
  Activity activity_;
  Leases operations_;
  const std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  std::unique_ptr<SegmentStore> store_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<MonitorPusher> pusher_;
  std::unique_ptr<DeltaClient> delta_;
  std::unique_ptr<DiskPool> disk_;
  std::unique_ptr<EventLoops> loops_;
  std::unique_ptr<Md5Keeper> md5s_;
  std::unique_ptr<Compactor> compactor_;
  std::unique_ptr<FrontDoor> front_door_;
  bool drained_ = false;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options) {
  auto impl = std::make_unique<Impl>(options);
  DRAY_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

std::vector<std::string> Server::listen_addresses() const { return impl_->listen_addresses(); }
std::string Server::admin_address() const { return impl_->admin_address(); }
void Server::Drain(std::chrono::milliseconds timeout, const std::string& reason) {
  impl_->Drain(timeout, reason);
}

}  // namespace dray::transfer
