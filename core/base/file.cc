#include "core/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace dray {

void UniqueFd::Reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

absl::StatusOr<UniqueFd> OpenFile(const std::string& name, int flags, mode_t mode) {
  int fd;
  do {
    fd = ::open(name.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return ErrnoStatus(errno, absl::StrCat("cannot open ", name));
  return UniqueFd(fd);
}

absl::StatusOr<size_t> ReadAt(int fd, uint64_t offset, MutableBytes out) {
  size_t done = 0;
  while (done < out.size()) {
    ssize_t n =
        ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot read");
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

absl::Status WriteAt(int fd, uint64_t offset, Bytes data) {
  size_t done = 0;
  while (done < data.size()) {
    ssize_t n =
        ::pwrite(fd, data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot write");
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& folder) {
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(folder, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return ErrnoStatus(errno, absl::StrCat("cannot sync ", folder));
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& name, size_t limit_bytes) {
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(name, O_RDONLY));
  std::string contents(limit_bytes + 1, '\0');
  auto read = ReadAt(fd.get(), 0, {reinterpret_cast<uint8_t*>(contents.data()), contents.size()});
  if (!read.ok()) return WithContext(read.status(), name);
  if (*read > limit_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(name, " is longer than ", limit_bytes, " bytes"));
  }
  contents.resize(*read);
  return contents;
}

absl::Status ReplaceFile(const std::string& name, std::string_view contents) {
  const std::string temporary = absl::StrCat(name, ".new");
  {
    DRAY_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    if (absl::Status s = WriteAt(fd.get(), 0, AsBytes(contents)); !s.ok()) {
      return WithContext(s, temporary);
    }
    if (::fsync(fd.get()) != 0) return ErrnoStatus(errno, absl::StrCat("cannot sync ", temporary));
  }
  if (::rename(temporary.c_str(), name.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot rename ", temporary, " to ", name));
  }
  const std::string folder = std::filesystem::path(name).parent_path().string();
  return SyncFolder(folder.empty() ? "." : folder);
}

absl::Status MakeFolders(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return ErrnoStatus(error.value(), absl::StrCat("cannot make folder ", folder));
  return absl::OkStatus();
}

}  // namespace dray
