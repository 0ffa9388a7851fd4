#include "services/transfer/engine/activity.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/path.h"
#include "core/telemetry/logging.h"
#include "services/transfer/engine/dialect_metrics.h"

namespace dray::transfer {
namespace {

const char* Name(Direction direction) {
  return direction == Direction::kUpload ? "upload" : "download";
}

}  // namespace

std::string Activity::NewConnectionId() {
  return absl::StrCat("c", absl::Hex(next_connection_.fetch_add(1, std::memory_order_relaxed)));
}

std::vector<Activity::ConnectionInfo> Activity::Connections(size_t limit) const {
  std::vector<ConnectionInfo> result;
  absl::MutexLock lock(&mu_);
  result.reserve(std::min(limit, connections_.size()));
  for (const Connection* connection : connections_) {
    if (result.size() == limit) break;
    result.push_back(connection->info());
  }
  return result;
}

std::vector<Activity::TransferInfo> Activity::Transfers(size_t limit) const {
  std::vector<TransferInfo> result;
  absl::MutexLock lock(&mu_);
  result.reserve(std::min(limit, transfers_.size()));
  for (const Transfer* transfer : transfers_) {
    if (result.size() == limit) break;
    result.push_back(transfer->Info());
  }
  return result;
}

size_t Activity::connection_count() const {
  absl::MutexLock lock(&mu_);
  return connections_.size();
}

size_t Activity::transfer_count() const {
  absl::MutexLock lock(&mu_);
  return transfers_.size();
}

Activity::Connection::Connection(Activity* activity, DialectMetrics* metrics, ConnectionInfo info)
    : activity_(activity), metrics_(metrics), info_(std::move(info)) {
  metrics_->connections.Increment();
  metrics_->connections_active.Increment();
  spdlog::debug("{} opened: {} from {}", info_.id, info_.dialect, info_.peer);
  absl::MutexLock lock(&activity_->mu_);
  activity_->connections_.insert(this);
}

Activity::Connection::~Connection() {
  metrics_->connections_active.Decrement();
  spdlog::debug("{} closed", info_.id);
  absl::MutexLock lock(&activity_->mu_);
  activity_->connections_.erase(this);
}

Activity::Transfer::Transfer(const Connection* connection, Direction direction, std::string path)
    : connection_(connection), direction_(direction), path_(std::move(path)), since_(absl::Now()) {
  connection_->metrics().of(direction_).in_progress.Increment();
  Activity* const activity = connection_->activity();
  absl::MutexLock lock(&activity->mu_);
  activity->transfers_.insert(this);
}

Activity::Transfer::~Transfer() {
  if (!ended_) Fail(absl::CancelledError("broken off"));
  connection_->metrics().of(direction_).in_progress.Decrement();
  Activity* const activity = connection_->activity();
  absl::MutexLock lock(&activity->mu_);
  activity->transfers_.erase(this);
}

void Activity::Transfer::Finish(uint64_t files, uint64_t bytes, uint64_t saved) {
  ended_ = true;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - since_);
  const auto& metrics = connection_->metrics().of(direction_);
  metrics.duration.Observe(seconds);
  metrics.size.Observe(static_cast<double>(bytes));
  metrics.files.Increment(static_cast<double>(files));
  metrics.saved.Increment(static_cast<double>(saved));
  spdlog::info("{} {} of {}: {} files, {} bytes, {} moved, {} saved, {:.3f} s, {:.1f} MB/s",
               connection_->info().id, Name(direction_), EscapeName(path_), files, bytes, moved(),
               saved, seconds, static_cast<double>(bytes) / std::max(seconds, 1e-6) / 1e6);
}

void Activity::Transfer::Fail(const absl::Status& status) {
  if (std::exchange(ended_, true)) return;
  spdlog::warn("{} {} of {} failed after {} bytes: {}", connection_->info().id, Name(direction_),
               EscapeName(path_), moved(), status.ToString());
}

Activity::TransferInfo Activity::Transfer::Info() const {
  TransferInfo info;
  info.connection_id = connection_->info().id;
  info.path = path_;
  info.direction = direction_;
  info.since = since_;
  info.bytes_done = moved();
  info.bytes_total = bytes_total_.load(std::memory_order_relaxed);
  return info;
}

}  // namespace dray::transfer
