#include "tests/support/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/base/path.h"

namespace dray::testing {
namespace {

constexpr size_t kBufferBytes = 1 << 20;
constexpr size_t kDifferencesTold = 20;

void ExpectDone(bool done, const std::string& what) {
  EXPECT_TRUE(done) << what << ": " << std::strerror(errno);
}

// xorshift64*: fast, and nothing compresses it.
class Noise {
 public:
  explicit Noise(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {}
  void Fill(char* out, size_t size) {
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
      state_ ^= state_ >> 12;
      state_ ^= state_ << 25;
      state_ ^= state_ >> 27;
      const uint64_t word = state_ * 0x2545F4914F6CDD1D;
      std::memcpy(out + at, &word, std::min(sizeof(word), size - at));
    }
  }

 private:
  uint64_t state_;
};

UniqueFd Open(const std::string& file, int flags) {
  UniqueFd fd(open(file.c_str(), flags | O_CLOEXEC, 0644));
  ExpectDone(fd.valid(), file);
  return fd;
}

void WriteAll(const UniqueFd& fd, std::string_view data, const std::string& file) {
  while (!data.empty()) {
    const ssize_t written = write(fd.get(), data.data(), data.size());
    if (written <= 0) {
      ExpectDone(false, file);
      return;
    }
    data.remove_prefix(static_cast<size_t>(written));
  }
}

struct Entry {
  std::string path;
  struct stat info;
};

// Path below `top` -> entry; `top` itself is "".
std::map<std::string, Entry> Walk(const std::string& top) {
  std::map<std::string, Entry> entries;
  const auto add = [&](const std::string& path) {
    Entry entry{path, {}};
    ExpectDone(lstat(path.c_str(), &entry.info) == 0, path);
    entries[path.substr(top.size())] = entry;
    return S_ISDIR(entry.info.st_mode);
  };
  if (!add(top)) return entries;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(top, error), end; !error && at != end;
       at.increment(error)) {
    add(at->path().native());
  }
  EXPECT_FALSE(error) << top << ": " << error.message();
  return entries;
}

std::string LinkTarget(const std::string& link) {
  std::error_code error;
  return std::filesystem::read_symlink(link, error).native();
}

std::string DifferenceOf(const Entry& one, const Entry& other) {
  if ((one.info.st_mode & S_IFMT) != (other.info.st_mode & S_IFMT)) return "kind";
  if (S_ISLNK(one.info.st_mode)) {
    return LinkTarget(one.path) == LinkTarget(other.path) ? "" : "link target";
  }
  if (one.info.st_mode != other.info.st_mode) {
    return absl::StrCat("mode ", absl::Hex(one.info.st_mode), " and ",
                        absl::Hex(other.info.st_mode));
  }
  const timespec a = one.info.st_mtim;
  const timespec b = other.info.st_mtim;
  if (a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec) {
    return absl::StrCat("mtime ", a.tv_sec, ".", a.tv_nsec, " and ", b.tv_sec, ".", b.tv_nsec);
  }
  if (S_ISREG(one.info.st_mode) && !SameContents(one.path, other.path)) return "contents";
  return "";
}

}  // namespace

void MakeFolder(const std::string& folder, unsigned mode) {
  ExpectDone(mkdir(folder.c_str(), mode) == 0, folder);
  SetMode(folder, mode);
}

void WriteFile(const std::string& file, std::string_view contents, unsigned mode) {
  const UniqueFd fd = Open(file, O_WRONLY | O_CREAT | O_TRUNC);
  WriteAll(fd, contents, file);
  SetMode(file, mode);
}

std::string ReadFile(const std::string& file) {
  struct stat info;
  ExpectDone(stat(file.c_str(), &info) == 0, file);
  const auto contents = ReadWholeFile(file, static_cast<size_t>(info.st_size) + 1);
  EXPECT_TRUE(contents.ok()) << contents.status();
  return contents.value_or("");
}

void MakeLink(const std::string& target, const std::string& link) {
  ExpectDone(symlink(target.c_str(), link.c_str()) == 0, link);
}

void SetMode(const std::string& file, unsigned mode) {
  ExpectDone(chmod(file.c_str(), mode) == 0, file);
}

void SetMtime(const std::string& file, int64_t seconds, int64_t nanoseconds) {
  const timespec times[2] = {{0, UTIME_OMIT}, {seconds, nanoseconds}};
  ExpectDone(utimensat(AT_FDCWD, file.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0, file);
}

bool Exists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

uint64_t FileSize(const std::string& file) {
  struct stat info;
  return lstat(file.c_str(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

uint64_t FolderBytes(const std::string& folder) {
  uint64_t sum = 0;
  std::error_code error;
  // Files may come and go meanwhile.
  for (std::filesystem::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    struct stat info;
    if (lstat(at->path().c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      sum += static_cast<uint64_t>(info.st_size);
    }
  }
  return sum;
}

std::string RandomText(uint64_t size, uint64_t seed) {
  std::string text(size, '\0');
  Noise(seed).Fill(text.data(), size);
  return text;
}

void WriteRandomFile(const std::string& file, uint64_t size, uint64_t seed) {
  const UniqueFd fd = Open(file, O_WRONLY | O_CREAT | O_TRUNC);
  Noise noise(seed);
  std::string buffer(kBufferBytes, '\0');
  for (uint64_t left = size; left > 0;) {
    const size_t part = std::min<uint64_t>(left, buffer.size());
    noise.Fill(buffer.data(), part);
    WriteAll(fd, std::string_view(buffer).substr(0, part), file);
    left -= part;
  }
}

void CopyWithPrefix(const std::string& from, std::string_view inserted, const std::string& to) {
  const UniqueFd in = Open(from, O_RDONLY);
  const UniqueFd out = Open(to, O_WRONLY | O_CREAT | O_TRUNC);
  WriteAll(out, inserted, to);
  std::string buffer(kBufferBytes, '\0');
  for (ssize_t count; (count = read(in.get(), buffer.data(), buffer.size())) > 0;) {
    WriteAll(out, std::string_view(buffer).substr(0, static_cast<size_t>(count)), to);
  }
}

void RemoveFile(const std::string& file) { ExpectDone(unlink(file.c_str()) == 0, file); }

bool SameContents(const std::string& one, const std::string& other) {
  if (FileSize(one) != FileSize(other)) return false;
  const UniqueFd a = Open(one, O_RDONLY);
  const UniqueFd b = Open(other, O_RDONLY);
  std::string left(kBufferBytes, '\0');
  std::string right(kBufferBytes, '\0');
  for (uint64_t offset = 0;; offset += kBufferBytes) {
    const auto got =
        ReadAt(a.get(), offset, {reinterpret_cast<uint8_t*>(left.data()), left.size()});
    const auto same =
        ReadAt(b.get(), offset, {reinterpret_cast<uint8_t*>(right.data()), right.size()});
    if (!got.ok() || !same.ok() || *got != *same) return false;
    if (std::memcmp(left.data(), right.data(), *got) != 0) return false;
    if (*got < kBufferBytes) return true;
  }
}

std::vector<std::string> Differences(const std::string& one, const std::string& other) {
  std::vector<std::string> differences;
  const auto add = [&](const std::string& path, const std::string& what) {
    if (!what.empty() && differences.size() < kDifferencesTold) {
      differences.push_back(absl::StrCat("'", EscapeName(path), "': ", what));
    }
  };
  const auto left = Walk(one);
  const auto right = Walk(other);
  for (const auto& [path, entry] : left) {
    const auto found = right.find(path);
    add(path, found == right.end() ? "is missing" : DifferenceOf(entry, found->second));
  }
  for (const auto& [path, entry] : right) {
    if (left.count(path) == 0) add(path, "is new");
  }
  return differences;
}

uint64_t CountEntries(const std::string& folder) { return Walk(folder).size() - 1; }

}  // namespace dray::testing
