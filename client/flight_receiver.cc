#include "client/flight_receiver.h"

#include <utility>

#include "client/wire_error.h"

namespace dray {
namespace {

// Files that are synced at a time; each keeps two descriptors open until then.
constexpr size_t kNamedTogether = 64;

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

absl::Status FlightReceiver::Run() {
  done_.assign(files_.size(), false);
  items_.resize(files_.size());
  DRAY_ASSIGN_OR_RETURN(const wire::v1::GetItems items, download_->ReceiveItems());
  DRAY_RETURN_IF_ERROR(Admit(items));
  const absl::Status received = ReceiveAll();
  NameSealed();
  return received.ok() ? retry_ : received;
}

absl::Status FlightReceiver::Admit(const wire::v1::GetItems& items) {
  for (size_t i = 0; i < files_.size(); ++i) {
    const wire::v1::GetItems::Item& item = items.items(static_cast<int>(i));
    if (item.has_error()) {
      const absl::Status error = StatusFromWire(item.error());
      if (MayRetry(error)) {
        retry_ = error;
      } else {
        Report(i, error);
      }
      continue;
    }
    auto receiver = ItemReceiver::Make(files_[i], item, operation_.tracker);
    if (!receiver.ok()) return Failed(i, receiver.status());
    items_[i] = *std::move(receiver);
  }
  return absl::OkStatus();
}

absl::Status FlightReceiver::ReceiveAll() {
  NextFile(0);
  while (true) {
    const auto chunks = download_->ReceiveChunks();
    if (!chunks.ok()) {
      // Contents that are not what they should be condemn the file that they belong to.
      if (!MayRetry(chunks.status()) && receiving()) return Failed(current_, chunks.status());
      return chunks.status();
    }
    if (chunks->empty()) break;
    for (const Download::VerifiedChunk& chunk : *chunks) DRAY_RETURN_IF_ERROR(Add(chunk));
  }
  if (!receiving()) return absl::OkStatus();
  return Failed(current_, LossOf(files_[current_].remote, "the server sent less than it said"));
}

absl::Status FlightReceiver::Add(const Download::VerifiedChunk& chunk) {
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  if (!receiving()) return absl::DataLossError("the server sent more than it said");
  ItemReceiver& item = *items_[current_];
  if (absl::Status added = item.Add(chunk); !added.ok()) return Failed(current_, added);
  if (!item.failure().ok() && !done_[current_]) Report(current_, item.failure());
  if (!item.complete()) return absl::OkStatus();
  FinishFile();
  NextFile(current_ + 1);
  return absl::OkStatus();
}

void FlightReceiver::NextFile(size_t next) {
  for (current_ = next; receiving(); ++current_) {
    if (items_[current_] == nullptr) continue;
    ItemReceiver& item = *items_[current_];
    item.Open();
    if (!item.failure().ok()) Report(current_, item.failure());
    if (!item.complete()) return;
    FinishFile();
  }
}

void FlightReceiver::FinishFile() {
  std::unique_ptr<ItemReceiver> item = std::move(items_[current_]);
  if (item->spoilt()) {
    files_[current_].old_chunks.emplace();  // it is got whole
    return;
  }
  if (done_[current_]) return;
  if (absl::Status sealed = item->Seal(options_); !sealed.ok()) return Report(current_, sealed);
  sealed_.push_back({current_, std::move(item)});
  if (!options_.sync || sealed_.size() == kNamedTogether) NameSealed();
}

void FlightReceiver::NameSealed() {
  std::vector<IncomingFile*> files;
  for (const Sealed& each : sealed_) files.push_back(each.item->writer().incoming());
  const std::vector<absl::Status> fared = TakeNames(files, options_.sync);
  for (size_t i = 0; i < sealed_.size(); ++i) {
    if (fared[i].ok()) sealed_[i].item->writer().Named();
    Report(sealed_[i].index, fared[i]);
  }
  sealed_.clear();
}

absl::Status FlightReceiver::Failed(size_t index, const absl::Status& status) {
  items_[index].reset();
  if (!done_[index]) Report(index, status);
  file_failed_ = true;
  return status;
}

void FlightReceiver::Report(size_t index, const absl::Status& status) {
  done_[index] = true;
  ReportFile(operation_.tracker, channel_, files_[index].remote,
             status.ok() ? FileReport::Outcome::kDone : FileReport::Outcome::kFailed, status);
}

}  // namespace dray
