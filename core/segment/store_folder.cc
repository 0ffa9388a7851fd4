#include "core/segment/store_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "core/base/path.h"
#include "core/segment/segment_format.h"

namespace dray {
namespace {

constexpr char kFormatName[] = "format";
constexpr char kLockName[] = "lock";
constexpr char kNextName[] = "next";
constexpr std::string_view kFormat = "dray segment store 1\n";
constexpr size_t kMaxSmallFileBytes = 256;

// A store's folder that was just made must not vanish in a power cut, nor one above it. Those that
// may not be read were not made here.
absl::Status SyncFoldersAbove(const std::string& folder) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(folder, error).lexically_normal();
  if (error) return ErrnoStatus(error.value(), absl::StrCat("cannot resolve ", folder));
  for (auto at = absolute; at.has_relative_path(); at = at.parent_path()) {
    const absl::Status synced = SyncFolder(at.parent_path().string());
    if (absl::IsPermissionDenied(synced)) break;
    DRAY_RETURN_IF_ERROR(synced);
  }
  return absl::OkStatus();
}

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreFolder>> StoreFolder::Open(const std::string& path) {
  DRAY_RETURN_IF_ERROR(MakeFolders(path));
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY | O_DIRECTORY));
  std::unique_ptr<StoreFolder> folder(new StoreFolder(path, std::move(fd)));
  DRAY_RETURN_IF_ERROR(folder->Lock());
  DRAY_RETURN_IF_ERROR(folder->CheckFormat());
  return folder;
}

absl::Status StoreFolder::Lock() {
  DRAY_ASSIGN_OR_RETURN(lock_, OpenAt(kLockName, O_RDWR | O_CREAT));
  while (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, absl::StrCat("cannot lock ", path_));
    return absl::FailedPreconditionError(absl::StrCat(
        "another process has the segment store in ", path_, " open; stop it (\"fuser -v ",
        NameOf(kLockName), "\" shows it), or choose another folder"));
  }
  return absl::OkStatus();
}

absl::Status StoreFolder::CheckFormat() const {
  auto format = ReadSmallFile(kFormatName);
  if (absl::IsNotFound(format.status())) {
    DRAY_ASSIGN_OR_RETURN(const std::vector<SegmentInfo> segments, Segments());
    if (!segments.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(path_,
                       " holds segments, but its file \"format\" is missing; if they are a "
                       "store of this version, write \"dray segment store 1\" and a newline "
                       "into it, else choose another folder"));
    }
    DRAY_RETURN_IF_ERROR(SyncFoldersAbove(path_));
    return ReplaceSmallFile(kFormatName, kFormat);
  }
  DRAY_RETURN_IF_ERROR(format.status());
  if (*format != kFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " holds a store of the unknown format \"", EscapeName(*format),
                     "\"; open it with the version that made it, or choose another folder"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SegmentInfo>> StoreFolder::Segments() const {
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, OpenAt(".", O_RDONLY | O_DIRECTORY));
  std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd.get()));
  if (dir == nullptr) return ErrnoStatus(errno, absl::StrCat("cannot list ", path_));
  fd.Release();
  std::vector<SegmentInfo> segments;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr && errno != 0) {
      return ErrnoStatus(errno, absl::StrCat("cannot list ", path_));
    }
    if (entry == nullptr) break;
    const auto name = ParseSegmentFileName(entry->d_name);
    if (!name) continue;
    struct stat status;
    if (::fstatat(fd_.get(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
      return ErrnoStatus(errno, absl::StrCat("cannot look at ", NameOf(entry->d_name)));
    }
    segments.push_back({.id = name->id,
                        .size_bytes = static_cast<uint64_t>(status.st_size),
                        .sealed = name->sealed});
  }
  std::sort(segments.begin(), segments.end(),
            [](const SegmentInfo& a, const SegmentInfo& b) { return a.id < b.id; });
  const auto twice =
      std::adjacent_find(segments.begin(), segments.end(),
                         [](const SegmentInfo& a, const SegmentInfo& b) { return a.id == b.id; });
  if (twice == segments.end()) return segments;
  return absl::DataLossError(
      absl::StrCat("there are both ", NameOf(SegmentFileName(twice->id, true)), " and ",
                   SegmentFileName(twice->id, false), "; move the one that is not right away"));
}

absl::StatusOr<UniqueFd> StoreFolder::Create(SegmentId id) const {
  return OpenAt(SegmentFileName(id, false), O_RDWR | O_CREAT | O_EXCL);
}

absl::StatusOr<UniqueFd> StoreFolder::OpenSegment(SegmentId id, bool sealed, int flags) const {
  return OpenAt(SegmentFileName(id, sealed), flags);
}

absl::Status StoreFolder::Seal(SegmentId id) const {
  const std::string open = SegmentFileName(id, false);
  if (::renameat(fd_.get(), open.c_str(), fd_.get(), SegmentFileName(id, true).c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot rename ", NameOf(open)));
  }
  return absl::OkStatus();
}

absl::Status StoreFolder::Remove(SegmentId id, bool sealed) const {
  const std::string name = SegmentFileName(id, sealed);
  if (::unlinkat(fd_.get(), name.c_str(), 0) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot remove ", NameOf(name)));
  }
  return absl::OkStatus();
}

absl::Status StoreFolder::Sync() const {
  if (::fsync(fd_.get()) != 0) return ErrnoStatus(errno, absl::StrCat("cannot sync ", path_));
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> StoreFolder::ReadNextId() const {
  auto text = ReadSmallFile(kNextName);
  if (absl::IsNotFound(text.status())) return 1;
  DRAY_RETURN_IF_ERROR(text.status());
  uint64_t next_id = 0;
  if (!absl::SimpleAtoi(absl::StripSuffix(*text, "\n"), &next_id) || next_id == 0) {
    return absl::DataLossError(
        absl::StrCat(NameOf(kNextName), " holds \"", EscapeName(*text),
                     "\" instead of a number; write one into it that is greater than the id of "
                     "every segment that ever was in this store"));
  }
  return next_id;
}

absl::Status StoreFolder::WriteNextId(uint64_t next_id) const {
  return ReplaceSmallFile(kNextName, absl::StrCat(next_id, "\n"));
}

absl::StatusOr<UniqueFd> StoreFolder::OpenAt(const std::string& name, int flags) const {
  int fd;
  do {
    fd = ::openat(fd_.get(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", NameOf(name)));
  return UniqueFd(fd);
}

absl::StatusOr<std::string> StoreFolder::ReadSmallFile(const std::string& name) const {
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, OpenAt(name, O_RDONLY));
  std::string contents(kMaxSmallFileBytes, '\0');
  auto read = ReadAt(fd.get(), 0, {reinterpret_cast<uint8_t*>(contents.data()), contents.size()});
  if (!read.ok()) return WithContext(read.status(), NameOf(name));
  contents.resize(*read);
  return contents;
}

absl::Status StoreFolder::ReplaceSmallFile(const std::string& name,
                                           std::string_view contents) const {
  const std::string fresh = name + ".new";
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, OpenAt(fresh, O_WRONLY | O_CREAT | O_TRUNC));
  if (absl::Status written = WriteAt(fd.get(), 0, AsBytes(contents)); !written.ok()) {
    return WithContext(written, NameOf(fresh));
  }
  if (::fdatasync(fd.get()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot sync ", NameOf(fresh)));
  }
  if (::renameat(fd_.get(), fresh.c_str(), fd_.get(), name.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot rename ", NameOf(fresh)));
  }
  return Sync();
}

std::string StoreFolder::NameOf(const std::string& name) const {
  return absl::StrCat(path_, "/", name);
}

}  // namespace dray
