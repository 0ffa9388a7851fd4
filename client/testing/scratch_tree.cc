#include "client/testing/scratch_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "core/base/random.h"

namespace dray::testing {

ScratchTree::ScratchTree() {
  folder_ = ::testing::TempDir() + "/tree" + std::to_string(RandomWord());
  std::filesystem::create_directories(folder_);
}

ScratchTree::~ScratchTree() {
  std::error_code error;
  for (auto it = std::filesystem::recursive_directory_iterator(folder_, error);
       !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
    if (it->is_directory() && !it->is_symlink()) ::chmod(it->path().c_str(), 0700);
  }
  std::filesystem::remove_all(folder_, error);
}

std::string ScratchTree::Path(const std::string& name) const {
  return name.empty() ? folder_ : folder_ + "/" + name;
}

void ScratchTree::Write(const std::string& name, const std::string& contents) const {
  std::ofstream out(Path(name), std::ios::binary | std::ios::trunc);
  out.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  ASSERT_TRUE(out.flush()) << name;
}

std::string ScratchTree::Read(const std::string& name) const {
  std::ifstream in(Path(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void ScratchTree::MakeFolder(const std::string& name) const {
  ASSERT_EQ(::mkdir(Path(name).c_str(), 0755), 0) << name << ": " << std::strerror(errno);
}

void ScratchTree::MakeLink(const std::string& name, const std::string& target) const {
  ASSERT_EQ(::symlink(target.c_str(), Path(name).c_str()), 0) << name;
}

void ScratchTree::SetMode(const std::string& name, uint32_t mode) const {
  ASSERT_EQ(::chmod(Path(name).c_str(), mode), 0) << name;
}

void ScratchTree::SetTime(const std::string& name, int64_t nanos) const {
  const timespec times[2] = {{0, UTIME_OMIT}, {nanos / 1'000'000'000, nanos % 1'000'000'000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, Path(name).c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << name;
}

bool ScratchTree::Exists(const std::string& name) const {
  struct stat status;
  return ::lstat(Path(name).c_str(), &status) == 0;
}

std::map<std::string, std::string> ScratchTree::Describe(const std::string& name) const {
  std::map<std::string, std::string> all;
  const auto describe = [&](const std::string& path, const std::string& relative) {
    struct stat status;
    if (::lstat(path.c_str(), &status) != 0) return;
    std::string text = std::to_string(status.st_mode) + " " +
                       std::to_string(status.st_mtim.tv_sec) + "." +
                       std::to_string(status.st_mtim.tv_nsec) + " ";
    if (S_ISLNK(status.st_mode)) text += std::filesystem::read_symlink(path).string();
    if (S_ISREG(status.st_mode)) text += Read(path.substr(folder_.size() + 1));
    all[relative] = text;
  };
  const std::string top = Path(name);
  describe(top, "");
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(top, error)) {
    describe(entry.path().string(), entry.path().string().substr(top.size()));
  }
  return all;
}

std::string Noise(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; i += 8) {
    const uint64_t word = random();
    std::memcpy(bytes.data() + i, &word, std::min<size_t>(8, count - i));
  }
  return bytes;
}

}  // namespace dray::testing
