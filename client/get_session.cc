#include "client/get_session.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/file_chunks.h"
#include "client/flight_receiver.h"
#include "client/group_get.h"
#include "client/large_get.h"
#include "core/base/path.h"
#include "core/framing/frame.h"

namespace dray {
namespace {

constexpr size_t kQueuedGroups = 16;
// Contents of the small files asked for in one request.
constexpr uint64_t kGroupBytes = 8 << 20;

}  // namespace

// One thread's part of a get: takes groups and receives their files over its connection.
class GetSession::Worker {
 public:
  Worker(const Operation& operation, const GetOptions& options, WorkQueue<Group>* queue)
      : operation_(operation),
        options_(options),
        queue_(queue),
        channel_(operation.channels->Borrow()),
        small_(operation_, channel_.get(), options_) {}

  absl::Status Run() {
    const absl::Status status = TakeGroups();
    if (!status.ok()) channel_->Drop();  // what still comes on it belongs to nobody
    return status;
  }

 private:
  absl::Status TakeGroups() {
    while (true) {
      auto group = queue_->TryPop();
      if (!group) {
        DRAY_RETURN_IF_ERROR(small_.Drain());  // nothing better to do
        group = queue_->Pop();
      }
      if (!group) return absl::OkStatus();
      DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
      if (group->large) {
        DRAY_RETURN_IF_ERROR(small_.Drain());
        DRAY_RETURN_IF_ERROR(
            GetLarge(operation_, channel_.get(), group->files[0], options_, begun_));
        continue;
      }
      std::vector<SmallGet> wanted;
      for (RemoteFile& file : group->files) {
        SmallGet get = {.remote = std::move(file), .old_chunks = std::nullopt};
        if (!IsThere(&get)) wanted.push_back(std::move(get));
      }
      if (!wanted.empty()) DRAY_RETURN_IF_ERROR(small_.Submit(std::move(wanted)));
    }
  }
  // Whether the target holds the very same contents; then nothing moves. What was learnt of others
  // is left in `get`.
  bool IsThere(SmallGet* get);

  const Operation operation_;
  const GetOptions& options_;
  const absl::Time begun_ = absl::Now();
  WorkQueue<Group>* const queue_;
  ChannelPool::Borrowed channel_;
  GroupGet small_;
};

bool GetSession::Worker::IsThere(SmallGet* get) {
  const RemoteFile& file = get->remote;
  const auto fd = OpenExisting(file);
  if (!fd.ok()) return false;
  struct stat status;
  if (::fstat(fd->get(), &status) != 0) return false;
  if (static_cast<uint64_t>(status.st_size) != file.size_bytes()) return false;
  auto chunks = ChunksOfFile(fd->get(), operation_.hash_cache, TrustOf(options_));
  if (!chunks.ok()) return false;
  if (RootOf(*chunks) != file.root) {
    get->old_chunks = *std::move(chunks);
    return false;
  }
  const absl::Status set = SetMetadata(fd->get(), file.version.metadata(), options_);
  operation_.tracker->AddDone(static_cast<int64_t>(file.size_bytes()));
  operation_.tracker->AddChunks(chunks->size());
  ReportFile(operation_.tracker, *channel_, file,
             set.ok() ? FileReport::Outcome::kUnchanged : FileReport::Outcome::kFailed,
             WithContext(set, EscapeName(file.local)));
  return true;
}

namespace {

int WorkerCount(const Operation& operation) {
  if (operation.options->connections > 0) return operation.options->connections;
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 4u));
}

}  // namespace

GetSession::GetSession(const Operation& operation, const GetOptions& options)
    : operation_(operation), options_(options), queue_(kQueuedGroups) {
  hook_ = operation_.cancellation->AddHook([this] { queue_.Abort(); });
  ends_.resize(static_cast<size_t>(WorkerCount(operation_)));
  for (absl::Status& end : ends_) {
    workers_.emplace_back([this, &end] {
      Worker worker(operation_, options_, &queue_);
      end = worker.Run();
      if (!end.ok()) queue_.Abort();
    });
  }
}

GetSession::~GetSession() {
  if (workers_.empty()) return;
  queue_.Abort();
  Join();
}

bool GetSession::Add(RemoteFile file) {
  const uint64_t size = file.size_bytes();
  if (size > kResumeBytes) {
    Group alone = {.large = true};
    alone.files.push_back(std::move(file));
    return queue_.Push(std::move(alone));
  }
  const bool full = group_.files.size() >= kMaxBatchItems || group_bytes_ + size > kGroupBytes;
  if (full && !Flush()) return false;
  group_.files.push_back(std::move(file));
  group_bytes_ += size;
  return true;
}

bool GetSession::Flush() {
  group_bytes_ = 0;
  return group_.files.empty() || queue_.Push(std::exchange(group_, {}));
}

absl::Status GetSession::Finish() {
  Flush();
  queue_.Close();
  Join();
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  for (const absl::Status& end : ends_) DRAY_RETURN_IF_ERROR(end);
  return absl::OkStatus();
}

void GetSession::Join() {
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
  queue_.Abort();  // who still adds is not kept waiting
  operation_.cancellation->RemoveHook(hook_);
}

}  // namespace dray
