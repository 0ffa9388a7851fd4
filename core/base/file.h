#ifndef DRAY_CORE_BASE_FILE_H_
#define DRAY_CORE_BASE_FILE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>

#include "core/base/bytes.h"
#include "core/base/status.h"

namespace dray {

// Owns a file descriptor; -1 is none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC; `name` is also what an error names.
absl::StatusOr<UniqueFd> OpenFile(const std::string& name, int flags, mode_t mode = 0);

// Reads up to out.size() bytes at `offset`, fewer only at the file's end; returns how many.
absl::StatusOr<size_t> ReadAt(int fd, uint64_t offset, MutableBytes out);

// Writes all of `data` at `offset`.
absl::Status WriteAt(int fd, uint64_t offset, Bytes data);

// fsync of a folder, so that names made in it survive a power cut.
absl::Status SyncFolder(const std::string& folder);

// A whole small file; RESOURCE_EXHAUSTED if it is longer than `limit_bytes`.
absl::StatusOr<std::string> ReadWholeFile(const std::string& name, size_t limit_bytes);

// Writes a new file beside `name`, syncs it and renames it over `name`.
absl::Status ReplaceFile(const std::string& name, std::string_view contents);

// mkdir -p.
absl::Status MakeFolders(const std::string& folder);

}  // namespace dray

#endif  // DRAY_CORE_BASE_FILE_H_
