#include "client/beneath_folder.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "core/base/path.h"
#include "core/base/random.h"

namespace dray {
namespace {

absl::Status OpenError(int error, const std::string& name) {
  const std::string shown = EscapeName(name);
  if (error == ELOOP || error == EXDEV) {
    return absl::FailedPreconditionError(absl::StrCat(
        shown, " leads through a symbolic link or out of the target; remove the link first"));
  }
  if (error == ENOSYS) {
    return absl::UnimplementedError("this kernel lacks openat2(2); Linux 5.6 or newer is needed");
  }
  return ErrnoStatus(error, absl::StrCat("cannot open ", shown));
}

// The text of the link `name` in `parent`, "" if it is none.
std::string ReadLink(int parent, const std::string& name) {
  char text[PATH_MAX];
  const ssize_t n = ::readlinkat(parent, name.c_str(), text, sizeof(text));
  return n <= 0 ? std::string() : std::string(text, static_cast<size_t>(n));
}

}  // namespace

std::pair<std::string, std::string> SplitLast(const std::string& name) {
  const size_t slash = name.rfind('/');
  if (slash == std::string::npos) return {"", name};
  return {name.substr(0, slash), name.substr(slash + 1)};
}

absl::StatusOr<BeneathFolder> BeneathFolder::Open(const std::string& folder) {
  int fd;
  do {
    fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open folder ", EscapeName(folder)));
  return BeneathFolder(UniqueFd(fd));
}

absl::StatusOr<UniqueFd> BeneathFolder::Open(const std::string& name, int flags,
                                             mode_t mode) const {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  while (true) {
    const long fd =
        ::syscall(SYS_openat2, fd_.get(), name.empty() ? "." : name.c_str(), &how, sizeof(how));
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    // EAGAIN: something was renamed while the kernel looked.
    if (errno != EINTR && errno != EAGAIN) return OpenError(errno, name);
  }
}

absl::StatusOr<UniqueFd> BeneathFolder::OpenParent(const std::string& name) const {
  return Open(SplitLast(name).first, O_RDONLY | O_DIRECTORY);
}

absl::Status BeneathFolder::MakeFolder(const std::string& name) const {
  if (name.empty()) return absl::OkStatus();
  auto parent = OpenParent(name);
  if (absl::IsNotFound(parent.status())) {
    DRAY_RETURN_IF_ERROR(MakeFolder(SplitLast(name).first));
    parent = OpenParent(name);
  }
  DRAY_RETURN_IF_ERROR(parent.status());
  const std::string last = SplitLast(name).second;
  if (::mkdirat(parent->get(), last.c_str(), 0700) == 0) return absl::OkStatus();
  if (errno != EEXIST) return ErrnoStatus(errno, absl::StrCat("cannot make ", EscapeName(name)));
  DRAY_ASSIGN_OR_RETURN(const UniqueFd folder, Open(name, O_RDONLY | O_DIRECTORY));
  struct stat status;
  if (::fstat(folder.get(), &status) != 0) return ErrnoStatus(errno, EscapeName(name));
  if ((status.st_mode & 0700) != 0700) {
    ::fchmod(folder.get(),
             (status.st_mode & 07777) | 0700);  // if not allowed, what follows says so
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> BeneathFolder::MakeLink(const std::string& name,
                                             const std::string& target) const {
  DRAY_ASSIGN_OR_RETURN(const UniqueFd parent, OpenParent(name));
  const std::string last = SplitLast(name).second;
  if (::symlinkat(target.c_str(), parent.get(), last.c_str()) == 0) return true;
  if (errno != EEXIST) return ErrnoStatus(errno, absl::StrCat("cannot link ", EscapeName(name)));
  if (ReadLink(parent.get(), last) == target) return false;
  // A new link takes the name of whatever is there, unless that is a folder.
  const std::string temporary = absl::StrFormat(".dray-link-%016x", RandomWord());
  if (::symlinkat(target.c_str(), parent.get(), temporary.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot link ", EscapeName(name)));
  }
  if (::renameat(parent.get(), temporary.c_str(), parent.get(), last.c_str()) != 0) {
    const int error = errno;
    ::unlinkat(parent.get(), temporary.c_str(), 0);
    return ErrnoStatus(error, absl::StrCat("cannot replace ", EscapeName(name)));
  }
  return true;
}

absl::Status BeneathFolder::SetLinkTime(const std::string& name, int64_t mtime_ns) const {
  DRAY_ASSIGN_OR_RETURN(const UniqueFd parent, OpenParent(name));
  const timespec times[2] = {{0, UTIME_OMIT}, ToTimespec(mtime_ns)};
  if (::utimensat(parent.get(), SplitLast(name).second.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot set the time of ", EscapeName(name)));
  }
  return absl::OkStatus();
}

timespec ToTimespec(int64_t nanos) {
  constexpr int64_t kNanosPerSecond = 1'000'000'000;
  timespec time = {nanos / kNanosPerSecond, nanos % kNanosPerSecond};
  if (time.tv_nsec < 0) {
    time.tv_nsec += kNanosPerSecond;
    --time.tv_sec;
  }
  return time;
}

}  // namespace dray
