#include "client/group_get.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "client/file_writer.h"
#include "client/wire_error.h"
#include "core/base/path.h"

namespace dray {
namespace {

constexpr size_t kMaxInFlight = 3;

// Whether the answer for a file is one that can be received.
absl::Status CheckItem(const RemoteFile& file, const wire::v1::GetItems::Item& item) {
  if (item.has_error()) return StatusFromWire(item.error());
  if (item.version().root() != file.version.root() ||
      item.version().metadata().size() != file.size_bytes()) {
    return LossOf(file, "the server answers with another version than was asked for");
  }
  if (item.same() || item.data_bytes() != file.size_bytes()) {
    return LossOf(file, "the server's sizes do not add up");
  }
  return absl::OkStatus();
}

// Tells the files of a flight apart in the stream of their chunks.
class FlightReceiver {
 public:
  FlightReceiver(const Operation& operation, const Channel& channel, const GetOptions& options,
                 std::vector<RemoteFile>* files, Download* download)
      : operation_(operation),
        channel_(channel),
        options_(options),
        files_(*files),
        download_(download) {}

  // OK when the answer was received whole. `done` tells which files are dealt with, in any case.
  absl::Status Run() {
    done_.assign(files_.size(), false);
    DRAY_ASSIGN_OR_RETURN(const wire::v1::GetItems items, download_->ReceiveItems());
    for (size_t i = 0; i < files_.size(); ++i) {
      const auto& item = items.items(static_cast<int>(i));
      const absl::Status checked = CheckItem(files_[i], item);
      if (checked.ok()) continue;
      if (!item.has_error()) return Failed(i, checked);
      if (MayRetry(checked)) {
        retry_ = checked;
        skipped_.push_back(i);
      } else {
        Report(i, checked);
      }
    }
    absl::Status received = ReceiveAll();
    return received.ok() ? retry_ : received;
  }
  const std::vector<bool>& done() const { return done_; }
  // The failure that Run returned is that of one file, and reported.
  bool file_failed() const { return file_failed_; }

 private:
  absl::Status ReceiveAll() {
    DRAY_RETURN_IF_ERROR(NextFile(0));
    while (true) {
      const auto chunks = download_->ReceiveChunks();
      if (!chunks.ok()) {
        // Contents that are not what they should be condemn the file that they belong to.
        if (!MayRetry(chunks.status()) && writer_) return Failed(current_, chunks.status());
        return chunks.status();
      }
      if (chunks->empty()) break;
      for (const Download::VerifiedChunk& chunk : *chunks) DRAY_RETURN_IF_ERROR(Add(chunk));
    }
    if (writer_)
      return Failed(current_, LossOf(files_[current_], "the server sent less than it said"));
    return absl::OkStatus();
  }
  absl::Status Add(const Download::VerifiedChunk& chunk) {
    DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
    if (discard_bytes_ > 0) return Discard(chunk.raw.size());
    if (!writer_) return absl::DataLossError("the server sent more than it said");
    const absl::Status added = writer_->Add(chunk);
    if (absl::IsDataLoss(added)) return Failed(current_, added);
    if (!added.ok()) {
      discard_bytes_ = writer_->bytes_left();
      writer_.reset();
      Report(current_, added);
      return Discard(chunk.raw.size());
    }
    return writer_->bytes_left() == 0 ? FinishFile() : absl::OkStatus();
  }
  // Skips data of a file that could not be written here.
  absl::Status Discard(uint64_t bytes) {
    if (bytes > discard_bytes_) return absl::DataLossError("the server sent more than it said");
    discard_bytes_ -= bytes;
    return discard_bytes_ == 0 ? NextFile(current_ + 1) : absl::OkStatus();
  }
  absl::Status FinishFile() {
    const absl::Status finished = writer_->Finish(options_);
    writer_.reset();
    Report(current_, finished);
    return NextFile(current_ + 1);
  }
  // Makes the next file that has data to come the current one; empty ones are finished on the way.
  absl::Status NextFile(size_t next) {
    for (current_ = next; current_ < files_.size(); ++current_) {
      if (done_[current_] || IsSkipped(current_)) continue;
      auto writer = std::make_unique<FileWriter>(files_[current_], operation_.tracker);
      absl::Status status = writer->Open();
      if (status.ok() && writer->bytes_left() > 0) {
        writer_ = std::move(writer);
        return absl::OkStatus();
      }
      if (status.ok()) status = writer->Finish(options_);
      Report(current_, status);
      if (!status.ok() && files_[current_].size_bytes() > 0) {
        discard_bytes_ = files_[current_].size_bytes();
        return absl::OkStatus();
      }
    }
    return absl::OkStatus();
  }
  // The file is reported; what is left of the stream cannot be told apart any more.
  absl::Status Failed(size_t index, const absl::Status& status) {
    writer_.reset();
    Report(index, status);
    file_failed_ = true;
    return status;
  }
  bool IsSkipped(size_t index) const {
    for (const size_t skipped : skipped_) {
      if (skipped == index) return true;
    }
    return false;
  }
  void Report(size_t index, const absl::Status& status) {
    done_[index] = true;
    ReportFile(operation_.tracker, channel_, files_[index],
               status.ok() ? FileReport::Outcome::kDone : FileReport::Outcome::kFailed, status);
  }

  const Operation& operation_;
  const Channel& channel_;
  const GetOptions& options_;
  std::vector<RemoteFile>& files_;
  Download* const download_;
  std::vector<bool> done_;
  std::vector<size_t> skipped_;  // to be asked for again
  absl::Status retry_;           // why
  size_t current_ = 0;
  std::unique_ptr<FileWriter> writer_;  // of the current file
  uint64_t discard_bytes_ = 0;          // of the current file
  bool file_failed_ = false;
};

}  // namespace

void ReportFile(Tracker* tracker, const Channel& channel, const RemoteFile& file,
                FileReport::Outcome outcome, const absl::Status& status) {
  tracker->Report({.outcome = outcome,
                   .kind = wire::v1::FILE,
                   .local = file.local,
                   .remote = file.version.path(),
                   .size_bytes = file.size_bytes(),
                   .version = file.version.number(),
                   .connection_id = channel.connection_id(),
                   .status = status});
}

absl::StatusOr<UniqueFd> OpenExisting(const RemoteFile& file) {
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd,
                        file.base->Open(file.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat status;
  if (::fstat(fd.get(), &status) != 0) return ErrnoStatus(errno, EscapeName(file.local));
  if (!S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(EscapeName(file.local), " is no file"));
  }
  return fd;
}

GroupGet::GroupGet(const Operation& operation, Channel* channel, const GetOptions& options)
    : operation_(operation),
      channel_(channel),
      options_(options),
      retrier_(operation.MakeRetrier()) {}

absl::Status GroupGet::Submit(std::vector<RemoteFile> files) {
  while (in_flight_.size() >= kMaxInFlight) DRAY_RETURN_IF_ERROR(Harvest());
  in_flight_.push_back({std::move(files), nullptr});
  // A failure shows again when the answer is waited for.
  Start(&in_flight_.back()).IgnoreError();
  return absl::OkStatus();
}

absl::Status GroupGet::Drain() {
  while (!in_flight_.empty()) DRAY_RETURN_IF_ERROR(Harvest());
  return absl::OkStatus();
}

absl::Status GroupGet::Start(Flight* flight) {
  wire::v1::Get get;
  for (const RemoteFile& file : flight->files) {
    *get.add_items()->mutable_version() = ReferenceTo(file);
  }
  DRAY_ASSIGN_OR_RETURN(auto connection, channel_->Connect());
  DRAY_ASSIGN_OR_RETURN(flight->download, Download::Start(std::move(connection), get));
  return absl::OkStatus();
}

absl::Status GroupGet::Harvest() {
  Flight& oldest = in_flight_.front();
  if (oldest.download == nullptr) {
    for (size_t i = 0; i < std::min(in_flight_.size(), kMaxInFlight); ++i) {
      if (in_flight_[i].download != nullptr) continue;
      if (absl::Status started = Start(&in_flight_[i]); !started.ok()) return OnLost(started);
    }
  }
  if (absl::Status received = Receive(&oldest); !received.ok()) return OnLost(received);
  if (oldest.files.empty()) in_flight_.pop_front();
  return absl::OkStatus();
}

void GroupGet::ForgetDownloads() {
  for (Flight& flight : in_flight_) flight.download.reset();
  channel_->Drop();
}

absl::Status GroupGet::Receive(Flight* flight) {
  FlightReceiver receiver(operation_, *channel_, options_, &flight->files, flight->download.get());
  const absl::Status status = receiver.Run();
  std::vector<RemoteFile> left;
  for (size_t i = 0; i < flight->files.size(); ++i) {
    if (!receiver.done()[i]) left.push_back(std::move(flight->files[i]));
  }
  if (left.size() < flight->files.size()) retrier_.Reset();
  flight->files = std::move(left);
  if (!receiver.file_failed()) return status;
  ForgetDownloads();  // the rest of the stream cannot be told apart any more
  return absl::OkStatus();
}

absl::Status GroupGet::OnLost(const absl::Status& status) {
  const Download* const oldest = in_flight_.front().download.get();
  const bool refused = !MayRetry(status) && oldest != nullptr && oldest->connection_lives();
  ForgetDownloads();
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  if (refused) {  // the request as a whole; others may fare better
    Flight flight = std::move(in_flight_.front());
    in_flight_.pop_front();
    if (flight.files.size() == 1) {
      FailFiles(flight, status);
    } else {
      AskOneByOne(std::move(flight));
    }
    return absl::OkStatus();
  }
  const absl::Status given_up = retrier_.AfterFailure(status);
  if (given_up.ok()) return given_up;
  for (const Flight& flight : in_flight_) FailFiles(flight, given_up);
  in_flight_.clear();
  return given_up;
}

void GroupGet::AskOneByOne(Flight flight) {
  for (auto file = flight.files.rbegin(); file != flight.files.rend(); ++file) {
    in_flight_.emplace_front();
    in_flight_.front().files.push_back(std::move(*file));
  }
}

void GroupGet::FailFiles(const Flight& flight, const absl::Status& status) {
  for (const RemoteFile& file : flight.files) {
    ReportFile(operation_.tracker, *channel_, file, FileReport::Outcome::kFailed, status);
  }
}

}  // namespace dray
