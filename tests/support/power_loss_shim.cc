// Preloaded into a service: keeps, in $DRAY_POWER_LOSS_DIR, what a disk would hold after a power
// cut that drops whatever was not synced. After each fsync or fdatasync of a file its contents are
// copied to file-KEY; after each fsync of a folder its names go to folder-KEY, as lines "KEY name".
// With $DRAY_POWER_LOSS_LIES nothing is kept: a disk that promises and does not hold it.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

namespace {

// Names an inode for as long as the file system lives, though its number may be used again.
std::string KeyOf(int folder, const char* name, int flags) {
  struct statx status;
  if (statx(folder, name, flags, STATX_INO | STATX_BTIME, &status) != 0) std::abort();
  return std::to_string(status.stx_ino) + "-" + std::to_string(status.stx_btime.tv_sec) + "." +
         std::to_string(status.stx_btime.tv_nsec);
}

void WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t written = write(fd, data, size);
    if (written <= 0) std::abort();
    data += written;
    size -= static_cast<size_t>(written);
  }
}

void CopyContents(int from, int to) {
  static char buffer[1 << 20];  // under the mutex
  ssize_t read_bytes = 0;
  for (off_t at = 0; (read_bytes = pread(from, buffer, sizeof(buffer), at)) > 0; at += read_bytes) {
    WriteAll(to, buffer, static_cast<size_t>(read_bytes));
  }
  if (read_bytes < 0) std::abort();
}

void ListNames(int folder, int to) {
  DIR* const dir = fdopendir(dup(folder));
  if (dir == nullptr) std::abort();
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_type != DT_REG) continue;
    struct stat status;  // it may be gone again
    if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const std::string line =
        KeyOf(folder, entry->d_name, AT_SYMLINK_NOFOLLOW) + " " + entry->d_name + "\n";
    WriteAll(to, line.data(), line.size());
  }
  closedir(dir);
}

void Keep(int fd) {
  static std::mutex mutex;
  const std::lock_guard<std::mutex> lock(mutex);
  const char* const shadow = std::getenv("DRAY_POWER_LOSS_DIR");
  if (shadow == nullptr || std::getenv("DRAY_POWER_LOSS_LIES") != nullptr) return;
  struct stat status;
  if (fstat(fd, &status) != 0) std::abort();
  const bool folder = S_ISDIR(status.st_mode);
  if (!folder && !S_ISREG(status.st_mode)) return;
  // Opened anew: the descriptor may be one that cannot be read from, and has a place of its own.
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  const int from = open(self.c_str(), O_RDONLY | O_CLOEXEC);
  const std::string name =
      std::string(shadow) + (folder ? "/folder-" : "/file-") + KeyOf(fd, "", AT_EMPTY_PATH);
  const std::string fresh = name + ".new." + std::to_string(getpid());
  const int to = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (from < 0 || to < 0) std::abort();
  if (folder) {
    ListNames(from, to);
  } else {
    CopyContents(from, to);
  }
  close(from);
  close(to);
  if (rename(fresh.c_str(), name.c_str()) != 0) std::abort();
}

int Sync(long call, int fd) {
  const int result = static_cast<int>(syscall(call, fd));
  const int error = errno;
  if (result == 0) Keep(fd);
  errno = error;
  return result;
}

}  // namespace

extern "C" int fsync(int fd) { return Sync(SYS_fsync, fd); }
extern "C" int fdatasync(int fd) { return Sync(SYS_fdatasync, fd); }
