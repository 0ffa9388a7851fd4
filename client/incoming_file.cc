#include "client/incoming_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "client/copy_range.h"
#include "client/part_name.h"
#include "client/sync_together.h"
#include "core/base/path.h"

namespace dray {
namespace {

bool IsZero(Bytes data) {
  return data[0] == 0 && std::memcmp(data.data(), data.data() + 1, data.size() - 1) == 0;
}

absl::StatusOr<UniqueFd> OpenPart(int parent, const std::string& name, bool* existed) {
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  *existed = false;
  int fd = ::openat(parent, name.c_str(), kFlags, 0600);
  if (fd < 0 && errno == EEXIST) {
    *existed = true;
    fd = ::openat(parent, name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  }
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot make ", EscapeName(name)));
  return UniqueFd(fd);
}

}  // namespace

wire::v1::VersionRef ReferenceTo(const RemoteFile& file) {
  wire::v1::VersionRef reference;
  reference.set_path(file.version.path());
  reference.set_number(file.version.number());
  reference.set_at_ns(file.at_ns);
  return reference;
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

absl::Status CheckVersion(RemoteFile* file) {
  const wire::v1::Version& version = file->version;
  const auto root = Root::FromBytes(version.root());
  if (version.metadata().kind() != wire::v1::FILE || !root ||
      version.metadata().size() > static_cast<uint64_t>(INT64_MAX)) {
    return absl::DataLossError(absl::StrCat("the server says nonsense about ",
                                            EscapeName(version.path()),
                                            ": no file, or no root, or an impossible size"));
  }
  file->root = *root;
  return absl::OkStatus();
}

IncomingFile::IncomingFile(const RemoteFile& file, UniqueFd parent, std::string target)
    : file_(file),
      parent_(std::move(parent)),
      target_(std::move(target)),
      part_name_(PartName(target_)) {}

absl::StatusOr<std::unique_ptr<IncomingFile>> IncomingFile::Open(const RemoteFile& file) {
  DRAY_ASSIGN_OR_RETURN(UniqueFd parent, file.base->OpenParent(file.name));
  std::unique_ptr<IncomingFile> incoming(
      new IncomingFile(file, std::move(parent), SplitLast(file.name).second));
  bool existed = false;
  DRAY_ASSIGN_OR_RETURN(UniqueFd part,
                        OpenPart(incoming->parent_.get(), incoming->part_name_, &existed));
  if (::flock(part.get(), LOCK_EX | LOCK_NB) != 0) {
    incoming->finished_ = true;  // it is not ours to remove
    return absl::AbortedError(
        absl::StrCat("another get is writing ", EscapeName(file.local), " right now"));
  }
  struct stat status, named;
  if (::fstat(part.get(), &status) != 0) return ErrnoStatus(errno, EscapeName(file.local));
  if (::fstatat(incoming->parent_.get(), incoming->part_name_.c_str(), &named,
                AT_SYMLINK_NOFOLLOW) != 0 ||
      named.st_ino != status.st_ino || named.st_dev != status.st_dev) {
    incoming->finished_ = true;  // it took the target's name before the lock was got
    return absl::AbortedError(
        absl::StrCat("another get has just written ", EscapeName(file.local)));
  }
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || status.st_uid != ::geteuid()) {
    incoming->finished_ = true;
    return absl::FailedPreconditionError(
        absl::StrCat(EscapeName(incoming->part_name_), " beside ", EscapeName(file.local),
                     " is not what an interrupted get leaves; remove it"));
  }
  incoming->part_ = std::move(part);
  if (existed && file.size_bytes() > kResumeBytes) {
    incoming->leftover_bytes_ = static_cast<uint64_t>(status.st_size);
  } else if (existed && ::ftruncate(incoming->part_.get(), 0) != 0) {
    return ErrnoStatus(errno, EscapeName(file.local));
  }
  incoming->written_bytes_ = incoming->leftover_bytes_;
  return incoming;
}

bool IncomingFile::LeftoverExists(const RemoteFile& file) {
  const auto [folder, name] = SplitLast(file.name);
  const std::string part = PartName(name);
  return file.base
      ->Open(folder.empty() ? part : absl::StrCat(folder, "/", part), O_PATH | O_NOFOLLOW)
      .ok();
}

IncomingFile::~IncomingFile() {
  if (finished_ || worth_keeping()) return;
  ::unlinkat(parent_.get(), part_name_.c_str(), 0);
}

absl::Status IncomingFile::Write(uint64_t offset_bytes, Bytes data) {
  written_bytes_ += data.size();
  if (leftover_bytes_ == 0 && IsZero(data)) return absl::OkStatus();
  return WithContext(WriteAt(part_.get(), offset_bytes, data), EscapeName(file_.local));
}

absl::Status IncomingFile::Copy(int from, uint64_t from_offset, uint64_t offset_bytes,
                                uint64_t length_bytes) {
  written_bytes_ += length_bytes;
  return WithContext(CopyRange(from, from_offset, part_.get(), offset_bytes, length_bytes),
                     EscapeName(file_.local));
}

absl::Status IncomingFile::Seal(const GetOptions& options) {
  const std::string shown = EscapeName(file_.local);
  if (::ftruncate(part_.get(), static_cast<off_t>(file_.size_bytes())) != 0) {
    return ErrnoStatus(errno, shown);
  }
  return WithContext(SetMetadata(part_.get(), file_.version.metadata(), options), shown);
}

absl::Status IncomingFile::Rename() {
  if (::renameat(parent_.get(), part_name_.c_str(), parent_.get(), target_.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot give ", EscapeName(file_.local), " its name"));
  }
  finished_ = true;
  return absl::OkStatus();
}

absl::Status IncomingFile::Finish(const GetOptions& options) {
  DRAY_RETURN_IF_ERROR(Seal(options));
  IncomingFile* const self = this;
  return TakeNames({&self, 1}, options.sync).front();
}

std::vector<absl::Status> TakeNames(absl::Span<IncomingFile* const> files, bool sync) {
  std::vector<absl::Status> fared(files.size());
  // What still goes well is synced: each file's contents before the names, then the folders.
  const auto sync_each = [&](auto descriptor) {
    if (!sync) return;
    std::vector<int> descriptors;
    for (size_t i = 0; i < files.size(); ++i) {
      descriptors.push_back(fared[i].ok() ? descriptor(*files[i]) : -1);
    }
    const std::vector<int> errors = SyncTogether(descriptors);
    for (size_t i = 0; i < files.size(); ++i) {
      if (errors[i] == 0) continue;
      fared[i] = ErrnoStatus(
          errors[i], absl::StrCat("cannot sync ", EscapeName(files[i]->file_.local), " to disk"));
    }
  };
  sync_each([](const IncomingFile& file) { return file.part_.get(); });
  for (size_t i = 0; i < files.size(); ++i) {
    if (fared[i].ok()) fared[i] = files[i]->Rename();
  }
  sync_each([](const IncomingFile& file) { return file.parent_.get(); });
  return fared;
}

absl::Status SetMetadata(int fd, const wire::v1::Metadata& metadata, const GetOptions& options) {
  const mode_t mode = metadata.mode() & (options.keep_special_modes ? 07777 : 0777);
  const timespec times[2] = {{0, UTIME_OMIT}, ToTimespec(metadata.mtime_ns())};
  struct stat status;
  if (::fstat(fd, &status) != 0) return ErrnoStatus(errno, "cannot read mode and time");
  // What is as it should be is left alone: setting it would change the ctime, and nobody who knew
  // the file by that would know it any more.
  if ((status.st_mode & 07777) != mode && ::fchmod(fd, mode) != 0) {
    return ErrnoStatus(errno, "cannot set the mode");
  }
  const bool same_time =
      status.st_mtim.tv_sec == times[1].tv_sec && status.st_mtim.tv_nsec == times[1].tv_nsec;
  if (!same_time && ::futimens(fd, times) != 0) {
    return ErrnoStatus(errno, "cannot set the time");
  }
  return absl::OkStatus();
}

}  // namespace dray
