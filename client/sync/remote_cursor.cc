#include "client/sync/remote_cursor.h"

#include <utility>

#include "absl/strings/match.h"
#include "client/names.h"
#include "core/base/ids.h"
#include "core/base/path.h"

namespace dray {
namespace {

// Entries are handed on in pieces of this many; so many pieces may wait.
constexpr size_t kPiece = 256;
constexpr size_t kQueuedPieces = 32;

bool LiesIn(const std::string& name, const std::string& folder) {
  return name.size() > folder.size() && name[folder.size()] == '/' &&
         absl::StartsWith(name, folder);
}

absl::Status Nonsense(const std::string& path, const char* what) {
  return absl::DataLossError(
      absl::StrCat("the server's list makes no sense: \"", EscapeName(path), "\" ", what));
}

}  // namespace

RemoteCursor::RemoteCursor(const Operation& operation, std::string path, bool roots)
    : operation_(operation), path_(std::move(path)), roots_(roots), queue_(kQueuedPieces) {
  thread_ = std::thread([this] {
    status_ = List();
    queue_.Close();
  });
}

RemoteCursor::~RemoteCursor() {
  queue_.Abort();
  if (thread_.joinable()) thread_.join();
}

absl::Status RemoteCursor::List() {
  wire::v1::List question;
  question.set_path(path_);
  question.set_recursive(true);
  question.set_brief(true);
  question.set_roots(roots_);
  Entries entries;
  const auto hand_on = [&] {
    return queue_.Push(std::exchange(entries, {})) ? absl::OkStatus()
                                                   : absl::CancelledError("interrupted");
  };
  const ChannelPool::Borrowed channel = operation_.channels->Borrow();
  const absl::Status listed = ListVersions(
      operation_, channel.get(), question, [&](const wire::v1::Version& version) -> absl::Status {
        DRAY_RETURN_IF_ERROR(Take(version, &entries));
        return entries.size() < kPiece ? absl::OkStatus() : hand_on();
      });
  if (!listed.ok()) {
    channel->Drop();  // what still comes on it belongs to nobody
    return listed;
  }
  return hand_on();
}

absl::Status RemoteCursor::Take(const wire::v1::Version& version, Entries* entries) {
  if (version.path() == path_ || version.metadata().kind() == wire::v1::DELETED) {
    return absl::OkStatus();
  }
  if (!path_.empty() && !LiesIn(version.path(), path_)) {
    return Nonsense(version.path(), "is not beneath what was asked for");
  }
  const wire::v1::Metadata& metadata = version.metadata();
  SyncEntry entry = {.name = version.path().substr(path_.empty() ? 0 : path_.size() + 1),
                     .kind = metadata.kind(),
                     .mode = metadata.mode() & 07777,
                     .mtime_ns = metadata.mtime_ns(),
                     .size_bytes = metadata.size(),
                     .link = metadata.symlink_target(),
                     .root = version.root(),
                     .version = version.number()};
  DRAY_RETURN_IF_ERROR(SplitRemotePath(entry.name).status());
  DRAY_RETURN_IF_ERROR(CheckPlace(entry.name));
  const bool link = entry.kind == wire::v1::SYMLINK;
  const bool rootless = roots_ && entry.root.size() != kDigestBytes;
  if (entry.file() && (rootless || entry.size_bytes > INT64_MAX)) {
    return Nonsense(version.path(), "is a file without a root or of an impossible size");
  }
  if (link && (entry.link.empty() || entry.link.find('\0') != std::string::npos)) {
    return Nonsense(version.path(), "is a link that leads nowhere");
  }
  if (!link && !entry.file() && !entry.folder()) {
    return Nonsense(version.path(), "is of an unknown kind");
  }
  if (entry.folder()) folders_.push_back(entry.name);
  entries->push_back(std::move(entry));
  return absl::OkStatus();
}

absl::Status RemoteCursor::CheckPlace(const std::string& name) {
  if (!previous_.empty() && !ListedBefore(previous_, name)) {
    return Nonsense(name, "is not in order");
  }
  previous_ = name;
  while (!folders_.empty() && !LiesIn(name, folders_.back())) folders_.pop_back();
  const size_t slash = name.rfind('/');
  const size_t depth = slash == std::string::npos ? 0 : slash;
  if (depth == (folders_.empty() ? 0 : folders_.back().size())) return absl::OkStatus();
  return Nonsense(name, "lies in no folder that was told of");
}

absl::StatusOr<std::optional<SyncEntry>> RemoteCursor::Next() {
  while (true) {
    if (next_ == entries_.size()) {
      auto piece = queue_.Pop();
      if (!piece) break;
      entries_ = *std::move(piece);
      next_ = 0;
      continue;
    }
    SyncEntry& entry = entries_[next_++];
    if (skip_ && LiesIn(entry.name, *skip_)) continue;
    skip_.reset();
    if (entry.folder()) last_folder_ = entry.name;
    return std::optional(std::move(entry));
  }
  if (thread_.joinable()) thread_.join();
  if (!status_.ok()) return status_;
  return std::optional<SyncEntry>();
}

}  // namespace dray
