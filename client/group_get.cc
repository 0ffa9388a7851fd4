#include "client/group_get.h"

#include <algorithm>
#include <utility>

#include "client/flight_receiver.h"
#include "client/wire_error.h"

namespace dray {
namespace {

constexpr size_t kMaxInFlight = 3;
// Old chunks that may be named of one file, and in one request.
constexpr size_t kMaxOldChunks = 64;
constexpr size_t kMaxOldChunksOfGet = 8192;
// A request's frame stays below its limit.
constexpr size_t kMaxGetBytes = 960 << 10;

}  // namespace

GroupGet::GroupGet(const Operation& operation, Channel* channel, const GetOptions& options)
    : operation_(operation),
      channel_(channel),
      options_(options),
      retrier_(operation.MakeRetrier()) {}

absl::Status GroupGet::Submit(std::vector<SmallGet> files) {
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
  DRAY_ASSIGN_OR_RETURN(auto connection, channel_->Connect());
  wire::v1::Get get;
  get.set_brief(true);
  for (SmallGet& file : flight->files) {
    file.named = 0;
    *get.add_items()->mutable_version() = ReferenceTo(file.remote);
  }
  if (connection->Knows(wire::v1::OLD_COPIES)) NameOldCopies(flight, &get);
  DRAY_ASSIGN_OR_RETURN(flight->download, Download::Start(std::move(connection), get));
  return absl::OkStatus();
}

void GroupGet::NameOldCopies(Flight* flight, wire::v1::Get* get) {
  const size_t bytes = std::min(get->ByteSizeLong(), kMaxGetBytes);
  size_t room = std::min(kMaxOldChunksOfGet, (kMaxGetBytes - bytes) / (kDigestBytes + 2));
  for (size_t i = 0; i < flight->files.size() && room > 0; ++i) {
    SmallGet& file = flight->files[i];
    LookForOldCopy(&file, operation_.hash_cache, TrustOf(options_));
    file.named = std::min({file.old_chunks->size(), kMaxOldChunks, room});
    room -= file.named;
    std::string* const ids = get->mutable_items(static_cast<int>(i))->mutable_old_chunk_ids();
    for (const ChunkEntry& chunk : file.named_chunks()) ids->append(chunk.id.view());
  }
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
  if (oldest.files.empty()) {
    in_flight_.pop_front();
  } else if (oldest.download != nullptr) {
    AskAgain();
  }
  return absl::OkStatus();
}

void GroupGet::AskAgain() {
  // Answers come in the order of the requests: it is the last one now.
  Flight flight = std::move(in_flight_.front());
  in_flight_.pop_front();
  flight.download.reset();
  in_flight_.push_back(std::move(flight));
  Start(&in_flight_.back()).IgnoreError();
}

void GroupGet::ForgetDownloads() {
  for (Flight& flight : in_flight_) flight.download.reset();
  channel_->Drop();
}

absl::Status GroupGet::Receive(Flight* flight) {
  FlightReceiver receiver(operation_, *channel_, options_, &flight->files, flight->download.get());
  const absl::Status status = receiver.Run();
  std::vector<SmallGet> left;
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
  const bool refused = oldest != nullptr && !MayRetry(status) && !oldest->lost();
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
  for (const SmallGet& file : flight.files) {
    ReportFile(operation_.tracker, *channel_, file.remote, FileReport::Outcome::kFailed, status);
  }
}

}  // namespace dray
