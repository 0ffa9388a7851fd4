#include "client/sibling_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "client/beneath_folder.h"
#include "client/file_hasher.h"
#include "client/part_name.h"
#include "core/base/bytes.h"

namespace dray {
namespace {

constexpr size_t kMaxEntries = 4096;
constexpr size_t kMaxSiblings = 4;
constexpr uint64_t kSizeFactor = 4;
// Names less alike than this say nothing; of files of the very same length no likeness is asked.
constexpr double kLeastLikeness = 0.5;
// Read of a sibling to learn whether it is of use: a few chunks each time.
constexpr size_t kProbes = 4;
constexpr size_t kProbeBytes = 1 << 20;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

struct Candidate {
  std::string name;
  uint64_t size_bytes = 0;
  double likeness = 0;
};

std::string_view Ending(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? std::string_view() : name.substr(dot);
}

bool SizesFit(uint64_t a, uint64_t b) {
  return a > 0 && a / kSizeFactor <= b && b / kSizeFactor <= a;
}

// How like a name is to the target's; 0 for one that says nothing.
double LikenessTo(const std::string& target, std::string_view name) {
  const double likeness = NameLikeness(target, name);
  const bool same_ending = !Ending(target).empty() && Ending(target) == Ending(name);
  return same_ending || likeness >= kLeastLikeness ? std::max(likeness, 0.01) : 0;
}

}  // namespace

double NameLikeness(std::string_view a, std::string_view b) {
  const size_t shorter = std::min(a.size(), b.size());
  const size_t longer = std::max(a.size(), b.size());
  if (longer == 0) return 1;
  size_t head = 0;
  while (head < shorter && a[head] == b[head]) ++head;
  size_t tail = 0;
  while (tail < shorter - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  return static_cast<double>(head + tail) / static_cast<double>(longer);
}

std::vector<Sibling> FindSiblings(const RemoteFile& file, absl::Time before) {
  std::vector<Sibling> siblings;
  auto parent = file.base->OpenParent(file.name);
  if (!parent.ok()) return siblings;
  UniqueFd listed(::openat(parent->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, CloseFolder> folder(listed.valid() ? ::fdopendir(listed.get())
                                                                : nullptr);
  if (folder == nullptr) return siblings;
  listed.Release();
  const std::string target = SplitLast(file.name).second;
  std::vector<Candidate> candidates;
  size_t entries = 0;
  while (const dirent* const entry = ::readdir(folder.get())) {
    if (++entries > kMaxEntries) return siblings;
    if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN) continue;
    if (entry->d_name == target || IsPartName(entry->d_name)) continue;
    struct stat status;
    if (::fstatat(parent->get(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const auto size = static_cast<uint64_t>(status.st_size);
    if (!S_ISREG(status.st_mode) || absl::TimeFromTimespec(status.st_ctim) >= before) continue;
    const double likeness = LikenessTo(target, entry->d_name);
    const bool same_size = size == file.size_bytes();
    if (!SizesFit(size, file.size_bytes()) || (likeness == 0 && !same_size)) continue;
    candidates.push_back({entry->d_name, size, likeness + (same_size ? 1 : 0)});
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.likeness > b.likeness; });
  for (const Candidate& candidate : candidates) {
    if (siblings.size() == kMaxSiblings) break;
    UniqueFd fd(::openat(parent->get(), candidate.name.c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (fd.valid()) siblings.push_back({std::move(fd), candidate.size_bytes});
  }
  return siblings;
}

bool SharesChunks(const Sibling& sibling, const absl::flat_hash_set<ChunkId>& wanted) {
  const std::unique_ptr<uint8_t[]> buffer(new uint8_t[kProbeBytes]);
  for (size_t i = 0; i < kProbes; ++i) {
    const uint64_t offset = sibling.size_bytes / kProbes * i;
    const auto read = ReadAt(sibling.fd.get(), offset, {buffer.get(), kProbeBytes});
    if (!read.ok()) return false;
    // Wherever cutting begins, it soon falls in with the true cuts; the last piece is cut short.
    std::vector<HashedChunk> chunks = CutContents({buffer.get(), *read});
    HashAll(absl::MakeSpan(chunks));
    for (const HashedChunk& chunk : chunks) {
      if (wanted.contains(chunk.id)) return true;
    }
  }
  return false;
}

}  // namespace dray
