#include "tests/support/scratch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace dray::testing {
namespace {

constexpr char kPrefix[] = "dray_test_";
// A folder younger than this may belong to a test that has not locked it yet.
constexpr time_t kSettledSeconds = 60;

std::string PickParent(uint64_t room_bytes) {
  if (const char* chosen = std::getenv("DRAY_TEST_DIR"); chosen != nullptr && *chosen != '\0') {
    return chosen;
  }
  const std::string memory = "/dev/shm";
  if (access(memory.c_str(), W_OK) == 0 && FreeBytes(memory) >= room_bytes) return memory;
  return ::testing::TempDir();
}

void RemoveAll(const std::string& folder) {
  std::error_code error;
  // A test may have made folders that its own user cannot enter.
  for (std::filesystem::recursive_directory_iterator
           at(folder, std::filesystem::directory_options::skip_permission_denied, error),
       end;
       !error && at != end; at.increment(error)) {
    if (at->is_directory(error) && !at->is_symlink(error)) chmod(at->path().c_str(), 0700);
  }
  std::filesystem::remove_all(folder, error);
}

bool IsAbandoned(const std::string& folder) {
  struct stat info;
  if (stat(folder.c_str(), &info) != 0 || time(nullptr) - info.st_mtime < kSettledSeconds)
    return false;
  UniqueFd lock(open((folder + "/.lock").c_str(), O_RDONLY | O_CLOEXEC));
  return lock.valid() && flock(lock.get(), LOCK_EX | LOCK_NB) == 0;
}

void RemoveAbandoned(const std::string& parent) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(parent, error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename();
    if (name.starts_with(kPrefix) && IsAbandoned(at->path())) RemoveAll(at->path());
  }
}

}  // namespace

uint64_t FreeBytes(const std::string& folder) {
  struct statvfs info;
  if (statvfs(folder.c_str(), &info) != 0) return 0;
  return uint64_t{info.f_bavail} * info.f_frsize;
}

Scratch::Scratch(uint64_t room_bytes) {
  const std::string parent = PickParent(room_bytes);
  RemoveAbandoned(parent);
  folder_ = parent + "/" + kPrefix + "XXXXXX";
  if (mkdtemp(folder_.data()) == nullptr) {
    std::perror(folder_.c_str());
    std::abort();
  }
  lock_.Reset(open(Path(".lock").c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
  flock(lock_.get(), LOCK_EX);
}

Scratch::~Scratch() { RemoveAll(folder_); }

}  // namespace dray::testing
