#include "services/transfer/engine/segment_run.h"

#include <sys/sendfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace dray::transfer {
namespace {

absl::Status CannotRead(const SegmentRun& run, absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat("segment ", absl::Hex(static_cast<uint64_t>(run.segment), absl::kZeroPad16),
                   " cannot be read at ", run.offset_bytes, ": ", why));
}

}  // namespace

void SegmentRunBuilder::Add(const SegmentRun& record) {
  if (!runs_.empty()) {
    SegmentRun& last = runs_.back();
    if (last.base == nullptr && record.base == nullptr && last.segment == record.segment &&
        last.offset_bytes + last.length_bytes == record.offset_bytes &&
        last.length_bytes + record.length_bytes <= kMaxRunBytes) {
      last.length_bytes += record.length_bytes;
      last.content_bytes += record.content_bytes;
      return;
    }
  }
  runs_.push_back(record);
}

absl::Status SegmentRunSender::OpenRun() {
  const SegmentRun& run = runs_[next_];
  if (open_ == nullptr || open_id_ != run.segment) {
    auto opened = store_->Open(run.segment);
    if (!opened.ok()) return CannotRead(run, opened.status().message());
    open_ = *std::move(opened);
    open_id_ = run.segment;
    open_size_bytes_ = 0;
  }
  const uint64_t end = run.offset_bytes + run.length_bytes;
  if (end <= open_size_bytes_) return absl::OkStatus();
  struct stat status;
  if (fstat(open_->fd(), &status) != 0) {
    return CannotRead(run, ErrnoStatus(errno, "fstat").message());
  }
  open_size_bytes_ = static_cast<uint64_t>(status.st_size);
  if (end <= open_size_bytes_) return absl::OkStatus();
  return CannotRead(run, absl::StrCat("it has ", open_size_bytes_, " bytes only"));
}

void SegmentRunSender::CountSent(uint64_t bytes) {
  // A run stores some 4 MiB and stands for 2^38 bytes at most: nothing here overflows.
  const SegmentRun& run = runs_[next_];
  const auto content = [&run](uint64_t sent) {
    return run.content_bytes * sent / run.length_bytes;
  };
  sent_bytes_ += bytes;
  content_bytes_ += content(sent_of_run_ + bytes) - content(sent_of_run_);
  sent_of_run_ += bytes;
  if (sent_of_run_ == run.length_bytes) {
    sent_of_run_ = 0;
    ++next_;
  }
}

absl::Status SegmentRunSender::Send(int socket, uint64_t limit_bytes) {
  blocked_ = false;
  uint64_t sent_now = 0;
  while (!done() && sent_now < limit_bytes) {
    if (sent_of_run_ == 0) DRAY_RETURN_IF_ERROR(OpenRun());
    const SegmentRun& run = runs_[next_];
    off_t offset = static_cast<off_t>(run.offset_bytes + sent_of_run_);
    const ssize_t sent = sendfile(socket, open_->fd(), &offset, run.length_bytes - sent_of_run_);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        blocked_ = true;
        break;
      }
      if (errno == EIO) return CannotRead(run, ErrnoStatus(errno, "sendfile").message());
      return absl::UnavailableError(ErrnoStatus(errno, "cannot send").message());
    }
    if (sent == 0) return CannotRead(run, "it became shorter");
    sent_now += static_cast<uint64_t>(sent);
    CountSent(static_cast<uint64_t>(sent));
  }
  return absl::OkStatus();
}

}  // namespace dray::transfer
