#include "client/put.h"

#include <fcntl.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "client/batch.h"
#include "client/file_upload.h"
#include "client/scanner.h"
#include "client/work_queue.h"
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

// Small entries that make one batch, or one large file.
struct Group {
  std::vector<LocalEntry> entries;
  bool large = false;
};

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

// Gathers what the scanner finds into groups.
class Grouper {
 public:
  explicit Grouper(WorkQueue<Group>* queue) : queue_(queue) {}

  bool Add(LocalEntry entry) {
    if (IsLarge(entry)) {
      Group alone = {.large = true};
      alone.entries.push_back(std::move(entry));
      return queue_->Push(std::move(alone));
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
  bool Flush() {
    if (group_.entries.empty()) return true;
    content_bytes_ = frame_bytes_ = 0;
    return queue_->Push(std::exchange(group_, {}));
  }

 private:
  WorkQueue<Group>* const queue_;
  Group group_;
  absl::Time begun_;
  uint64_t content_bytes_ = 0;
  size_t frame_bytes_ = 0;
};

// One thread's part of a put: takes groups and sends them over its connection.
class PutWorker {
 public:
  PutWorker(const Operation& operation, const PutOptions& options, WorkQueue<Group>* queue,
            bool alone)
      : operation_(operation),
        trust_(options.checksum ? Trust::kFile : Trust::kCache),
        replaces_(options.replaces ? &*options.replaces : nullptr),
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
  // The item, or nothing when it failed or turned out to be large (then it is put).
  absl::StatusOr<std::optional<SmallItem>> ReadSmall(LocalEntry* entry);

  const Operation operation_;
  const Trust trust_;
  const wire::v1::Precondition* const replaces_;
  WorkQueue<Group>* const queue_;
  const bool alone_;  // the operation is a single file
  ChannelPool::Borrowed channel_;
  BatchPipeline pipeline_;
};

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

absl::Status PutWorker::PutLarge(const LocalEntry& entry) {
  DRAY_RETURN_IF_ERROR(pipeline_.Drain());  // uploads of a connection go one after the other
  const auto fd = OpenEntry(entry);
  if (!fd.ok()) {
    ReportFailed(operation_.tracker, entry, fd.status());
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

absl::Status PutWorker::PutSmall(std::vector<LocalEntry> entries) {
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

absl::StatusOr<std::optional<SmallItem>> PutWorker::ReadSmall(LocalEntry* entry) {
  SmallItem item = {.local = entry->local, .remote = entry->remote, .metadata = entry->metadata};
  item.replaces = entry->metadata.kind() == wire::v1::FOLDER ? nullptr : replaces_;
  if (entry->metadata.kind() != wire::v1::FILE) return std::optional(std::move(item));
  if (trust_ == Trust::kCache && Recall(operation_.hash_cache, *entry, &item)) {
    return std::optional(std::move(item));
  }
  bool large = false;
  if (absl::Status read = ReadContents(*entry, &item, &large); !read.ok()) {
    ReportFailed(operation_.tracker, *entry, read);
    return std::optional<SmallItem>();
  }
  if (!large) return std::optional(std::move(item));
  DRAY_RETURN_IF_ERROR(PutLarge(*entry));
  return std::optional<SmallItem>();
}

void Scan(const Operation& operation, absl::Span<const PutJob> jobs, WorkQueue<Group>* queue) {
  Grouper grouper(queue);
  Tracker* const tracker = operation.tracker;
  Scanner scanner({
      .found =
          [&](LocalEntry entry) {
            if (entry.metadata.kind() == wire::v1::FILE) {
              tracker->AddTotal(1, entry.metadata.size());
            }
            return grouper.Add(std::move(entry));
          },
      .failed =
          [&](const std::string& local, const absl::Status& why) {
            tracker->Report(
                {.outcome = FileReport::Outcome::kFailed, .local = local, .status = why});
          },
      .skipped =
          [&](const std::string& local, const char* what) {
            tracker->Tell(Notice::Kind::kSkipped,
                          absl::StrCat("skipped ", EscapeName(local), ": it is ", what));
          },
  });
  for (const PutJob& job : jobs) {
    if (!scanner.Walk(job.local, job.remote)) break;
  }
  grouper.Flush();
  tracker->TotalsAreFinal();
  queue->Close();
}

int WorkerCount(const Operation& operation, bool alone) {
  if (alone) return 1;
  if (operation.options->connections > 0) return operation.options->connections;
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 4u));
}

bool IsSingleFile(absl::Span<const PutJob> jobs) {
  struct stat status;
  return jobs.size() == 1 && ::lstat(jobs[0].local.c_str(), &status) == 0 &&
         !S_ISDIR(status.st_mode);
}

}  // namespace

absl::Status PutAll(const Operation& operation, absl::Span<const PutJob> jobs,
                    const PutOptions& options) {
  const bool alone = IsSingleFile(jobs);
  WorkQueue<Group> queue(kQueuedGroups);
  const uint64_t hook = operation.cancellation->AddHook([&queue] { queue.Abort(); });
  std::thread scan([&] { Scan(operation, jobs, &queue); });
  std::vector<absl::Status> ends(static_cast<size_t>(WorkerCount(operation, alone)));
  std::vector<std::thread> workers;
  for (absl::Status& end : ends) {
    workers.emplace_back([&] {
      PutWorker worker(operation, options, &queue, alone);
      end = worker.Run();
      if (!end.ok()) queue.Abort();
    });
  }
  for (std::thread& worker : workers) worker.join();
  queue.Abort();
  scan.join();
  operation.cancellation->RemoveHook(hook);
  DRAY_RETURN_IF_ERROR(operation.cancellation->Check());
  for (const absl::Status& end : ends) DRAY_RETURN_IF_ERROR(end);
  return absl::OkStatus();
}

}  // namespace dray
