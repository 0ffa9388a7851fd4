#include "client/put_session.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/time/clock.h"
#include "client/batch.h"
#include "client/file_upload.h"
#include "core/base/clock.h"
#include "core/base/path.h"

namespace dray {
namespace {

// Groups of entries that wait for a connection.
constexpr size_t kQueuedGroups = 16;
// A group that is not full is handed on after this long.
constexpr absl::Duration kGroupPatience = absl::Milliseconds(50);
// A file put alone goes with its contents up to this length: one round trip.
constexpr uint64_t kContentsAtOnceBytes = 16 << 10;
// Contents of a batch; leaves room for the frames around them.
constexpr uint64_t kMaxContentBytes = kMaxBatchDataBytes - (1 << 20);

bool IsLarge(const LocalEntry& entry) {
  return entry.metadata.kind() == wire::v1::FILE && entry.metadata.size() > kSmallFileBytes;
}

void ReportFailed(Tracker* tracker, const LocalEntry& entry, const absl::Status& status) {
  tracker->Report({.outcome = FileReport::Outcome::kFailed,
                   .kind = entry.metadata.kind(),
                   .local = entry.local,
                   .remote = entry.remote,
                   .size_bytes = entry.metadata.size(),
                   .status = status});
}

}  // namespace

// One thread's part of a put: takes groups and sends them over its connection.
class PutSession::Worker {
 public:
  Worker(const Operation& operation, const PutOptions& options, WorkQueue<Group>* queue, bool alone)
      : operation_(operation),
        trust_(options.checksum ? Trust::kFile : Trust::kCache),
        replaces_(options.replaces ? &*options.replaces : nullptr),
        may_vanish_(options.may_vanish),
        queue_(queue),
        alone_(alone),
        channel_(operation.channels->Borrow()),
        pipeline_(operation_, channel_.get()) {}

  absl::Status Run() {
    const absl::Status status = TakeGroups();
    if (!status.ok()) channel_->Drop();  // nobody knows what is under way on it
    return status;
  }

 private:
  absl::Status TakeGroups() {
    while (true) {
      auto group = queue_->TryPop();
      if (!group) {
        DRAY_RETURN_IF_ERROR(pipeline_.Drain());  // nothing better to do
        group = queue_->Pop();
      }
      if (!group) return absl::OkStatus();
      DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
      DRAY_RETURN_IF_ERROR(group->large ? PutLarge(group->entries.front())
                                        : PutSmall(std::move(group->entries)));
    }
  }
  absl::Status PutLarge(const LocalEntry& entry);
  absl::Status PutSmall(std::vector<LocalEntry> entries);
  void ReportUnreadable(const LocalEntry& entry, const absl::Status& status);
  // The item, or nothing when it failed or turned out to be large (then it is put).
  absl::StatusOr<std::optional<SmallItem>> ReadSmall(LocalEntry* entry);

  const Operation operation_;
  const Trust trust_;
  const wire::v1::Precondition* const replaces_;
  const bool may_vanish_;
  WorkQueue<Group>* const queue_;
  const bool alone_;  // the operation is a single file
  ChannelPool::Borrowed channel_;
  BatchPipeline pipeline_;
};

namespace {

absl::StatusOr<UniqueFd> OpenEntry(const LocalEntry& entry) {
  // O_NONBLOCK: if a named pipe took the file's place meanwhile, opening must not wait.
  return entry.base->Open(entry.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

absl::Status ReadContents(const LocalEntry& entry, SmallItem* item, bool* large) {
  DRAY_ASSIGN_OR_RETURN(const UniqueFd fd, OpenEntry(entry));
  const std::string shown = EscapeName(entry.local);
  // A file that is written to meanwhile is read again; if it never rests, that is an error.
  for (int attempt = 0; attempt < 3; ++attempt) {
    struct stat before, after;
    item->read_since = absl::Now();
    if (::fstat(fd.get(), &before) != 0) return ErrnoStatus(errno, shown);
    if (!S_ISREG(before.st_mode)) {
      return absl::FailedPreconditionError(absl::StrCat(shown, " is no regular file any more"));
    }
    *large = static_cast<uint64_t>(before.st_size) > entry.metadata.size() &&
             static_cast<uint64_t>(before.st_size) > kSmallFileBytes / 2;
    if (*large) return absl::OkStatus();
    item->contents.resize(static_cast<size_t>(before.st_size));
    const auto read = ReadAt(fd.get(), 0, absl::MakeSpan(item->contents));
    if (!read.ok()) return WithContext(read.status(), shown);
    if (::fstat(fd.get(), &after) != 0) return ErrnoStatus(errno, shown);
    item->metadata = MetadataOf(before);
    item->state = FileState::Of(before);
    if (*read == item->contents.size() && SameState(before, after)) return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(shown, " keeps changing while it is read; put it when nobody writes to it"));
}

// Whether the cache knows the file: then it is offered without having been opened.
bool Recall(HashCache* cache, const LocalEntry& entry, SmallItem* item) {
  auto chunks = RecallSmallFile(cache, entry.state);
  if (!chunks) return false;
  item->chunks = *std::move(chunks);
  item->recalled = true;
  // The file may change, or go, before its contents are asked for.
  item->read = [entry](SmallItem* self) {
    bool large = false;
    DRAY_RETURN_IF_ERROR(ReadContents(entry, self, &large));
    return large ? absl::FailedPreconditionError(absl::StrCat(
                       EscapeName(entry.local), " grew while it was put; put it again"))
                 : absl::OkStatus();
  };
  return true;
}

}  // namespace

absl::Status PutSession::Worker::PutLarge(const LocalEntry& entry) {
  DRAY_RETURN_IF_ERROR(pipeline_.Drain());  // uploads of a connection go one after the other
  const auto fd = OpenEntry(entry);
  if (!fd.ok()) {
    ReportUnreadable(entry, fd.status());
    return absl::OkStatus();
  }
  const auto done = UploadFile(operation_, channel_.get(),
                               {fd->get(), entry.local, entry.remote, replaces_, trust_});
  if (!done.ok()) {
    ReportFailed(operation_.tracker, entry, done.status());
    // A server that cannot be reached after all retries will not be for the next file either.
    return absl::IsUnavailable(done.status()) ? done.status() : operation_.cancellation->Check();
  }
  operation_.tracker->Report(
      {.outcome = done->unchanged() ? FileReport::Outcome::kUnchanged : FileReport::Outcome::kDone,
       .kind = wire::v1::FILE,
       .local = entry.local,
       .remote = entry.remote,
       .size_bytes = done->version().metadata().size(),
       .version = done->version().number(),
       .connection_id = channel_->connection_id()});
  return absl::OkStatus();
}

void PutSession::Worker::ReportUnreadable(const LocalEntry& entry, const absl::Status& status) {
  if (!may_vanish_ || !absl::IsNotFound(status)) {
    return ReportFailed(operation_.tracker, entry, status);
  }
  operation_.tracker->Tell(
      Notice::Kind::kSkipped,
      absl::StrCat("skipped ", EscapeName(entry.local), ": it vanished before it could be read"));
}

absl::Status PutSession::Worker::PutSmall(std::vector<LocalEntry> entries) {
  std::vector<SmallItem> items;
  size_t content_bytes = 0;
  for (LocalEntry& entry : entries) {
    DRAY_ASSIGN_OR_RETURN(auto item, ReadSmall(&entry));
    if (!item) continue;
    // Files may have grown since they were found.
    if (content_bytes + item->metadata.size() > kMaxContentBytes) {
      DRAY_RETURN_IF_ERROR(pipeline_.Submit(std::exchange(items, {}), false));
      content_bytes = 0;
    }
    content_bytes += item->metadata.size();
    items.push_back(*std::move(item));
  }
  if (items.empty()) return absl::OkStatus();
  const bool at_once =
      alone_ && items.size() == 1 && !items[0].recalled && content_bytes <= kContentsAtOnceBytes;
  return pipeline_.Submit(std::move(items), at_once);
}

absl::StatusOr<std::optional<SmallItem>> PutSession::Worker::ReadSmall(LocalEntry* entry) {
  SmallItem item = {.local = entry->local, .remote = entry->remote, .metadata = entry->metadata};
  item.replaces = entry->metadata.kind() == wire::v1::FOLDER ? nullptr : replaces_;
  if (entry->metadata.kind() != wire::v1::FILE) return std::optional(std::move(item));
  if (trust_ == Trust::kCache && Recall(operation_.hash_cache, *entry, &item)) {
    return std::optional(std::move(item));
  }
  bool large = false;
  if (absl::Status read = ReadContents(*entry, &item, &large); !read.ok()) {
    ReportUnreadable(*entry, read);
    return std::optional<SmallItem>();
  }
  if (!large) return std::optional(std::move(item));
  DRAY_RETURN_IF_ERROR(PutLarge(*entry));
  return std::optional<SmallItem>();
}

namespace {

int WorkerCount(const Operation& operation, bool alone) {
  if (alone) return 1;
  if (operation.options->connections > 0) return operation.options->connections;
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 4u));
}

}  // namespace

PutSession::PutSession(const Operation& operation, const PutOptions& options, bool alone)
    : operation_(operation), options_(options), queue_(kQueuedGroups) {
  hook_ = operation_.cancellation->AddHook([this] { queue_.Abort(); });
  ends_.resize(static_cast<size_t>(WorkerCount(operation_, alone)));
  for (absl::Status& end : ends_) {
    workers_.emplace_back([this, alone, &end] {
      Worker worker(operation_, options_, &queue_, alone);
      end = worker.Run();
      if (!end.ok()) queue_.Abort();
    });
  }
}

PutSession::~PutSession() {
  if (workers_.empty()) return;
  queue_.Abort();
  Join();
}

bool PutSession::Add(LocalEntry entry) {
  if (IsLarge(entry)) {
    Group alone = {.large = true};
    alone.entries.push_back(std::move(entry));
    return queue_.Push(std::move(alone));
  }
  const uint64_t content_bytes = entry.metadata.size();
  const size_t frame_bytes = SmallItem::FrameBytes(
      entry.remote.size(), entry.metadata.symlink_target().size(), content_bytes);
  const bool full = group_.entries.size() >= kMaxBatchItems ||
                    content_bytes_ + content_bytes > kMaxContentBytes ||
                    frame_bytes_ + frame_bytes > kBatchFrameBytes;
  if ((full || SteadyNow() - begun_ > kGroupPatience) && !Flush()) return false;
  if (group_.entries.empty()) begun_ = SteadyNow();
  group_.entries.push_back(std::move(entry));
  content_bytes_ += content_bytes;
  frame_bytes_ += frame_bytes;
  return true;
}

bool PutSession::Flush() {
  if (group_.entries.empty()) return true;
  content_bytes_ = frame_bytes_ = 0;
  return queue_.Push(std::exchange(group_, {}));
}

absl::Status PutSession::Finish() {
  Flush();
  queue_.Close();
  Join();
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  for (const absl::Status& end : ends_) DRAY_RETURN_IF_ERROR(end);
  return absl::OkStatus();
}

void PutSession::Join() {
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  queue_.Abort();  // who still adds is not kept waiting
  operation_.cancellation->RemoveHook(hook_);
}

}  // namespace dray
