#include "client/tracker.h"

#include <chrono>

#include "core/base/clock.h"

namespace dray {
namespace {

constexpr auto kPeriod = std::chrono::milliseconds(200);

}  // namespace

Tracker::Tracker(const Callbacks& callbacks, const Traffic* traffic)
    : callbacks_(callbacks), traffic_(traffic), start_(SteadyNow()) {
  if (callbacks_.on_progress) ticker_ = std::thread([this] { Tick(); });
}

Tracker::~Tracker() { StopTicker(); }

void Tracker::StopTicker() {
  {
    std::lock_guard lock(stop_mu_);
    stop_ = true;
  }
  stopped_.notify_one();
  if (ticker_.joinable()) ticker_.join();
}

void Tracker::Tick() {
  while (true) {
    {
      std::unique_lock lock(stop_mu_);
      if (stopped_.wait_for(lock, kPeriod, [this] { return stop_; })) return;
    }
    absl::MutexLock lock(&mu_);
    callbacks_.on_progress(Current());
  }
}

void Tracker::AddTotal(uint64_t files, uint64_t bytes) {
  files_total_ += files;
  bytes_total_ += bytes;
}

void Tracker::Report(const FileReport& report) {
  if (report.kind == wire::v1::FILE) ++files_done_;
  absl::MutexLock lock(&mu_);
  CountReport(report);
  if (callbacks_.on_file) callbacks_.on_file(report);
}

void Tracker::CountReport(const FileReport& report) {
  if (report.outcome == FileReport::Outcome::kFailed) {
    ++summary_.failed;
    if (summary_.failures.size() < Summary::kMaxFailures) summary_.failures.push_back(report);
    return;
  }
  if (report.outcome == FileReport::Outcome::kUnchanged) ++summary_.unchanged;
  CountEntry(report.kind, report.size_bytes);
}

void Tracker::CountEntry(wire::v1::EntryKind kind, uint64_t bytes) {
  switch (kind) {
    case wire::v1::FOLDER:
      ++summary_.folders;
      break;
    case wire::v1::SYMLINK:
      ++summary_.links;
      break;
    case wire::v1::DELETED:
      break;
    default:
      ++summary_.files;
      summary_.bytes_total += bytes;
  }
}

void Tracker::AddUntouched(wire::v1::EntryKind kind, uint64_t bytes) {
  absl::MutexLock lock(&mu_);
  ++summary_.unchanged;
  CountEntry(kind, bytes);
}

void Tracker::AddDeleted(uint64_t names) {
  absl::MutexLock lock(&mu_);
  summary_.deleted += names;
}

void Tracker::Tell(Notice::Kind kind, const std::string& message) {
  absl::MutexLock lock(&mu_);
  if (kind == Notice::Kind::kSkipped) ++summary_.skipped;
  if (callbacks_.on_notice) callbacks_.on_notice({kind, message});
}

Progress Tracker::Current() const {
  Progress progress;
  progress.files_done = files_done_;
  progress.files_total = files_total_;
  progress.bytes_done = bytes_done_;
  progress.bytes_total = bytes_total_;
  progress.totals_final = totals_final_;
  progress.bytes_sent = traffic_->sent;
  progress.bytes_received = traffic_->received;
  return progress;
}

Summary Tracker::Finish() {
  StopTicker();
  const Progress progress = Current();
  absl::MutexLock lock(&mu_);
  if (callbacks_.on_progress) callbacks_.on_progress(progress);
  summary_.bytes_sent = progress.bytes_sent;
  summary_.bytes_received = progress.bytes_received;
  Progress finished = progress;
  finished.bytes_done = summary_.bytes_total;
  summary_.bytes_saved = finished.bytes_saved();
  summary_.chunks_total = chunks_total_;
  summary_.chunks_sent = chunks_moved_;
  summary_.elapsed = SteadyNow() - start_;
  return summary_;
}

}  // namespace dray
