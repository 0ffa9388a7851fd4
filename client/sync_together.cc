#include "client/sync_together.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <thread>
#include <utility>

namespace dray {
namespace {

// With more a file system gains little, and none of them needs the processor.
constexpr size_t kThreads = 8;

struct Inode {
  int descriptor = -1;
  int error = 0;
};

}  // namespace

std::vector<int> SyncTogether(absl::Span<const int> descriptors) {
  std::vector<int> errors(descriptors.size(), 0);
  std::vector<Inode> inodes;
  std::vector<std::pair<size_t, size_t>> inode_of;  // descriptor, inode; by their indices
  std::map<std::pair<dev_t, ino_t>, size_t> known;
  for (size_t i = 0; i < descriptors.size(); ++i) {
    if (descriptors[i] < 0) continue;
    struct stat status;
    if (::fstat(descriptors[i], &status) != 0) {
      errors[i] = errno;
      continue;
    }
    const auto [place, fresh] = known.try_emplace({status.st_dev, status.st_ino}, inodes.size());
    if (fresh) inodes.push_back({.descriptor = descriptors[i]});
    inode_of.emplace_back(i, place->second);
  }
  std::atomic<size_t> next = 0;
  const auto sync = [&] {
    for (size_t i = next++; i < inodes.size(); i = next++) {
      if (::fsync(inodes[i].descriptor) != 0) inodes[i].error = errno;
    }
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min(kThreads, inodes.size()); ++i) others.emplace_back(sync);
  sync();
  for (std::thread& other : others) other.join();
  for (const auto& [index, inode] : inode_of) errors[index] = inodes[inode].error;
  return errors;
}

}  // namespace dray
