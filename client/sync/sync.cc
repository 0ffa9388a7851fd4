#include "client/sync/sync.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "client/names.h"
#include "client/sync/sync_run.h"
#include "core/base/path.h"
#include "core/framing/frame.h"

namespace dray {
namespace {

// What stands at a side's top; nothing where nothing is.
absl::StatusOr<std::optional<SyncEntry>> LocalTop(const std::string& folder) {
  struct stat status;
  if (::stat(folder.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::optional<SyncEntry>();
    return ErrnoStatus(errno, absl::StrCat("cannot read ", EscapeName(folder)));
  }
  if (!S_ISDIR(status.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(EscapeName(folder), " is no folder; put and get are for single files"));
  }
  return std::optional(SyncEntry{
      .kind = wire::v1::FOLDER,
      .mode = status.st_mode & 07777,
      .mtime_ns = status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec});
}

absl::StatusOr<std::optional<SyncEntry>> RemoteTop(const Operation& operation,
                                                   const std::string& path) {
  wire::v1::Stat question;
  question.mutable_version()->set_path(path);
  const ChannelPool::Borrowed channel = operation.channels->Borrow();
  wire::v1::Changed answer;
  const absl::Status asked =
      Ask(operation, channel.get(), FrameType::kStat, question, FrameType::kChanged, &answer);
  if (absl::IsNotFound(asked)) return std::optional<SyncEntry>();
  DRAY_RETURN_IF_ERROR(asked);
  const wire::v1::Metadata& metadata = answer.version().metadata();
  if (metadata.kind() == wire::v1::DELETED) return std::optional<SyncEntry>();
  if (!path.empty() && metadata.kind() != wire::v1::FOLDER) {
    return absl::FailedPreconditionError(
        absl::StrCat(":/", EscapeName(path), " is no folder; put and get are for single files"));
  }
  return std::optional(SyncEntry{
      .kind = wire::v1::FOLDER, .mode = metadata.mode() & 07777, .mtime_ns = metadata.mtime_ns()});
}

// Roots are most of a list's bytes: they are told with it where each of them is needed, or where
// the server cannot be asked for some of them.
absl::StatusOr<bool> ListsRoots(const Operation& operation, const SyncJob& job,
                                const SyncOptions& options) {
  if (options.checksum) return true;
  if (job.direction == SyncJob::Direction::kUpload || options.dry_run) return false;
  std::error_code error;
  const bool any_here = !std::filesystem::is_empty(job.local, error) && !error;
  if (!any_here) return true;
  const ChannelPool::Borrowed channel = operation.channels->Borrow();
  bool may_ask = false;
  DRAY_RETURN_IF_ERROR(operation.MakeRetrier().Run([&]() -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(const auto connection, channel->Connect());
    may_ask = connection->Knows(wire::v1::ROOTS);
    return absl::OkStatus();
  }));
  return !may_ask;
}

absl::Status NoSource(const std::string& shown) {
  return absl::NotFoundError(absl::StrCat("there is no ", shown, "; nothing was changed"));
}

}  // namespace

absl::Status SyncAll(const Operation& operation, const SyncJob& job, const SyncOptions& options) {
  DRAY_RETURN_IF_ERROR(SplitRemotePath(job.remote).status());
  const bool upload = job.direction == SyncJob::Direction::kUpload;
  DRAY_ASSIGN_OR_RETURN(const auto local, LocalTop(job.local));
  if (upload && !local) return NoSource(EscapeName(job.local));
  DRAY_ASSIGN_OR_RETURN(const auto remote, RemoteTop(operation, job.remote));
  if (!upload && !remote) return NoSource(absl::StrCat(":/", EscapeName(job.remote)));
  SyncContext context = {&operation, &job, &options, nullptr};
  DRAY_ASSIGN_OR_RETURN(context.lists_roots, ListsRoots(operation, job, options));
  if (local) {
    DRAY_ASSIGN_OR_RETURN(auto base, BeneathFolder::Open(job.local));
    context.base = std::make_shared<const BeneathFolder>(std::move(base));
  }
  SyncRun run(&context);
  return run.Run(local, remote);
}

}  // namespace dray
