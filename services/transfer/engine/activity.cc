#include "services/transfer/engine/activity.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/path.h"
#include "core/base/random.h"
#include "core/telemetry/logging.h"
#include "services/transfer/engine/dialect_metrics.h"

namespace dray::transfer {
namespace {

const char* Name(Direction direction) {
  return direction == Direction::kUpload ? "upload" : "download";
}

// The rate is measured over at least this long, and the last two or three of these count most.
constexpr absl::Duration kRatePeriod = absl::Milliseconds(900);
constexpr double kNewRateWeight = 0.4;
// Of transfers that went well, those are events that were large or took long.
constexpr uint64_t kEventBytes = 64u << 20;
constexpr double kEventSeconds = 10;

}  // namespace

Activity::Activity() : run_(absl::BytesToHexString(RandomBytes(3))) {}

std::string Activity::NewConnectionId() {
  return absl::StrCat("c", run_, "-",
                      absl::Hex(next_connection_.fetch_add(1, std::memory_order_relaxed)));
}

void Activity::Report(const std::string& level, const std::string& text,
                      const std::string& connection_id) {
  LogFor(connection_id, level == "info" ? spdlog::level::info : spdlog::level::warn, "{}", text);
  if (sink_) sink_(level, text, connection_id);
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
  const absl::Time now = absl::Now();
  std::vector<TransferInfo> result;
  absl::MutexLock lock(&mu_);
  std::vector<const Transfer*> oldest(transfers_.begin(), transfers_.end());
  const size_t count = std::min(limit, oldest.size());
  std::partial_sort(oldest.begin(), oldest.begin() + static_cast<ptrdiff_t>(count), oldest.end(),
                    [](const Transfer* a, const Transfer* b) { return a->since() < b->since(); });
  result.reserve(count);
  for (size_t i = 0; i < count; ++i) result.push_back(oldest[i]->Info(now));
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
  LogFor(info_.id, spdlog::level::debug, "opened: {} from {}", info_.dialect, info_.peer);
  absl::MutexLock lock(&activity_->mu_);
  activity_->connections_.insert(this);
}

Activity::Connection::~Connection() {
  metrics_->connections_active.Decrement();
  LogFor(info_.id, spdlog::level::debug, "closed");
  absl::MutexLock lock(&activity_->mu_);
  activity_->connections_.erase(this);
}

Activity::Transfer::Transfer(const Connection* connection, Direction direction, std::string path)
    : connection_(connection),
      direction_(direction),
      path_(std::move(path)),
      since_(absl::Now()),
      rate_time_(since_) {
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
  // What was expected may have been a little more.
  if (tenths_logged_ > 0) LogTenths(10);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - since_);
  const auto& metrics = connection_->metrics().of(direction_);
  metrics.duration.Observe(seconds);
  metrics.size.Observe(static_cast<double>(bytes));
  metrics.files.Increment(static_cast<double>(files));
  metrics.saved.Increment(static_cast<double>(saved));
  const std::string text =
      fmt::format("{} of {}: {} files, {} bytes, {} moved, {} saved, {:.3f} s, {:.1f} MB/s",
                  Name(direction_), EscapeName(path_), files, bytes, moved(), saved, seconds,
                  static_cast<double>(bytes) / std::max(seconds, 1e-6) / 1e6);
  if (bytes >= kEventBytes || seconds >= kEventSeconds) {
    connection_->activity()->Report("info", text, connection_->info().id);
  } else {
    LogFor(connection_->info().id, spdlog::level::info, "{}", text);
  }
}

void Activity::Transfer::Moved(uint64_t bytes) {
  bytes_moved_.fetch_add(bytes, std::memory_order_relaxed);
  LogProgress();
}

void Activity::Transfer::SetSaved(uint64_t bytes) {
  bytes_saved_.store(bytes, std::memory_order_relaxed);
  LogProgress();
}

void Activity::Transfer::Passed(uint64_t bytes) {
  bytes_passed_.fetch_add(bytes, std::memory_order_relaxed);
  LogProgress();
}

uint64_t Activity::Transfer::done() const {
  return std::max(moved() + bytes_saved_.load(std::memory_order_relaxed),
                  bytes_passed_.load(std::memory_order_relaxed));
}

void Activity::Transfer::LogProgress() {
  const uint64_t total = bytes_total_.load(std::memory_order_relaxed);
  if (total == 0 || ended_) return;
  LogTenths(static_cast<uint64_t>(
      10 * (static_cast<double>(std::min(done(), total)) / static_cast<double>(total))));
}

void Activity::Transfer::LogTenths(uint64_t tenths) {
  if (tenths <= tenths_logged_) return;
  // What is done at once is logged once, as finished.
  const bool at_once = tenths == 10 && tenths_logged_ == 0;
  tenths_logged_ = tenths;
  if (at_once) return;
  const uint64_t total = bytes_total_.load(std::memory_order_relaxed);
  LogFor(connection_->info().id, spdlog::level::info, "{} of {}: {}% ({:.1f} of {:.1f} MB)",
         Name(direction_), EscapeName(path_), 10 * tenths,
         static_cast<double>(std::min(done(), total)) / 1e6, static_cast<double>(total) / 1e6);
}

void Activity::Transfer::Fail(const absl::Status& status) {
  if (std::exchange(ended_, true)) return;
  connection_->activity()->Report(
      "warning",
      fmt::format("{} of {} failed after {} bytes: {}", Name(direction_), EscapeName(path_),
                  moved(), status.ToString()),
      connection_->info().id);
}

Activity::TransferInfo Activity::Transfer::Info(absl::Time now) const {
  TransferInfo info;
  info.connection_id = connection_->info().id;
  info.peer = connection_->info().peer;
  info.dialect = connection_->info().dialect;
  info.path = path_;
  info.direction = direction_;
  info.since = since_;
  info.bytes_done = std::max(moved(), bytes_passed_.load(std::memory_order_relaxed));
  info.bytes_total = bytes_total_.load(std::memory_order_relaxed);
  info.bytes_saved = bytes_saved_.load(std::memory_order_relaxed);
  if (info.bytes_total > 0) info.bytes_saved = std::min(info.bytes_saved, info.bytes_total);
  const uint64_t there = info.bytes_done + info.bytes_saved;
  const absl::Duration period = now - rate_time_;
  if (period >= kRatePeriod) {
    const double grown = there > rate_bytes_ ? static_cast<double>(there - rate_bytes_) : 0;
    const double rate = grown / absl::ToDoubleSeconds(period);
    const bool first = rate_time_ == since_;
    rate_ = first ? rate : rate_ + kNewRateWeight * (rate - rate_);
    rate_time_ = now;
    rate_bytes_ = there;
  }
  info.bytes_per_second = rate_;
  return info;
}

}  // namespace dray::transfer
