#include "client/sync/local_cursor.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "client/part_name.h"
#include "core/base/path.h"

namespace dray {
namespace {

// Folders above the one being read that are kept open.
constexpr size_t kOpenLevels = 16;

const char* KindName(mode_t mode) {
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISBLK(mode) || S_ISCHR(mode)) return "a device";
  return "of an unknown kind";
}

void TakeStatus(const struct stat& status, SyncEntry* entry) {
  entry->mode = status.st_mode & 07777;
  entry->mtime_ns = status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec;
  entry->state = FileState::Of(status);
  if (S_ISDIR(status.st_mode)) entry->kind = wire::v1::FOLDER;
  if (S_ISLNK(status.st_mode)) entry->kind = wire::v1::SYMLINK;
  if (!S_ISREG(status.st_mode)) return;
  entry->kind = wire::v1::FILE;
  entry->size_bytes = static_cast<uint64_t>(status.st_size);
}

}  // namespace

void SortedNames::Add(std::string_view name) {
  starts_.push_back(static_cast<uint32_t>(text_.size()));
  text_.append(name).push_back('\0');
}

void SortedNames::Sort() {
  std::sort(starts_.begin(), starts_.end(), [this](uint32_t a, uint32_t b) {
    return std::string_view(text_.c_str() + a) < std::string_view(text_.c_str() + b);
  });
}

LocalCursor::LocalCursor(std::shared_ptr<const BeneathFolder> base, Side side, Sink sink)
    : base_(std::move(base)), side_(side), sink_(std::move(sink)) {}

void LocalCursor::Failed(const std::string& name, const absl::Status& why) {
  if (absl::IsNotFound(why)) {
    sink_.skipped(name, "gone: it vanished while the folder was read");
    return;
  }
  complete_ = false;
  sink_.failed(name, why);
}

absl::Status LocalCursor::ReadNames(Level* level) {
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, base_->Open(level->folder, O_RDONLY | O_DIRECTORY));
  // The stream takes its descriptor along when it is closed.
  level->fd.Reset(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(fd.get()), ::closedir);
  if (folder == nullptr || !level->fd.valid()) return ErrnoStatus(errno, "cannot read the folder");
  fd.Release();
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") level->names.Add(name);
  }
  if (errno != 0) return ErrnoStatus(errno, "cannot read the folder");
  level->names.Sort();
  return absl::OkStatus();
}

void LocalCursor::Enter(const std::string& folder) {
  Level level = {.folder = folder};
  if (absl::Status read = ReadNames(&level); !read.ok()) return Failed(folder, read);
  if (levels_.size() >= kOpenLevels) levels_.back().fd.Reset();
  levels_.push_back(std::move(level));
}

absl::StatusOr<std::optional<SyncEntry>> LocalCursor::Next() {
  while (true) {
    if (enter_) Enter(*std::exchange(enter_, std::nullopt));
    if (levels_.empty()) return std::optional<SyncEntry>();
    Level& level = levels_.back();
    if (level.next == level.names.size()) {
      levels_.pop_back();
      continue;
    }
    const std::string_view last = level.names.at(level.next++);
    std::string name(last);
    if (!level.folder.empty()) {
      name = absl::StrCat(level.folder, "/", absl::string_view(last.data(), last.size()));
    }
    auto entry = Look(&level, last, name);
    if (!entry.ok()) {
      Failed(name, WithContext(entry.status(), EscapeName(name)));
      continue;
    }
    if (!*entry) continue;
    if ((*entry)->folder()) enter_ = name;
    return *std::move(entry);
  }
}

absl::StatusOr<std::optional<SyncEntry>> LocalCursor::Look(Level* level, std::string_view last,
                                                           std::string name) {
  if (!level->fd.valid()) {
    DRAY_ASSIGN_OR_RETURN(level->fd, base_->Open(level->folder, O_RDONLY | O_DIRECTORY));
  }
  struct stat status;
  if (::fstatat(level->fd.get(), last.data(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, "cannot look at it");
  }
  SyncEntry entry = {.name = std::move(name)};
  TakeStatus(status, &entry);
  if (entry.kind == wire::v1::SYMLINK) {
    char text[PATH_MAX];
    const ssize_t n = ::readlinkat(level->fd.get(), last.data(), text, sizeof(text));
    if (n < 0) return ErrnoStatus(errno, "cannot read the link");
    entry.link.assign(text, static_cast<size_t>(n));
  }
  entry.leftover = entry.file() && IsPartName(last);
  if (side_ == Side::kTarget) return std::optional(std::move(entry));
  const char* const skip = entry.leftover ? "what an interrupted get has left of a file"
                           : entry.kind == wire::v1::ENTRY_KIND_UNSPECIFIED
                               ? KindName(status.st_mode)
                               : nullptr;
  if (skip == nullptr) return std::optional(std::move(entry));
  sink_.skipped(entry.name, skip);
  return std::optional<SyncEntry>();
}

}  // namespace dray
