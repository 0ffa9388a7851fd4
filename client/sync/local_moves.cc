#include "client/sync/local_moves.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "client/file_hasher.h"
#include "client/sync/record.h"
#include "core/base/bytes.h"
#include "core/base/path.h"
#include "core/chunking/tree_builder.h"

namespace dray {
namespace {

constexpr size_t kMaxCandidates = size_t{1} << 18;
// Kept files that are tried for one that is missing, each of which turns out to be another by now.
constexpr int kMaxTries = 4;

absl::StatusOr<UniqueFd> OpenFile(const BeneathFolder& base, const SyncEntry& entry) {
  return base.Open(entry.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

uint64_t PrefixOf(const Root& root) { return LoadBigEndian<uint64_t>(root.data()); }

// Whether the file is as it was when it was told of.
bool IsAsTold(int fd, const SyncEntry& entry, struct stat* status) {
  return ::fstat(fd, status) == 0 && S_ISREG(status->st_mode) &&
         FileState::Of(*status) == entry.state;
}

absl::Status MoveFile(int fd, const SyncEntry& entry, const RemoteFile& file,
                      const GetOptions& options) {
  const std::string shown = EscapeName(file.local);
  DRAY_ASSIGN_OR_RETURN(const UniqueFd from, file.base->OpenParent(entry.name));
  DRAY_ASSIGN_OR_RETURN(const UniqueFd to, file.base->OpenParent(file.name));
  DRAY_RETURN_IF_ERROR(WithContext(SetMetadata(fd, file.version.metadata(), options), shown));
  if (options.sync && ::fsync(fd) != 0) return ErrnoStatus(errno, shown);
  if (::renameat(from.get(), SplitLast(entry.name).second.c_str(), to.get(),
                 SplitLast(file.name).second.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot give ", shown, " its name"));
  }
  if (options.sync && ::fsync(to.get()) != 0) return ErrnoStatus(errno, shown);
  return absl::OkStatus();
}

// False, and nothing is made, where the contents turn out to be others.
absl::StatusOr<bool> CopyFile(int fd, const RemoteFile& file, const GetOptions& options) {
  DRAY_ASSIGN_OR_RETURN(const auto incoming, IncomingFile::Open(file));
  TreeBuilder builder({});
  const auto write = [&](absl::Span<const HashedChunk> chunks) {
    for (const HashedChunk& chunk : chunks) {
      builder.Add(chunk.id, chunk.length_bytes());
      DRAY_RETURN_IF_ERROR(incoming->Write(chunk.offset_bytes, chunk.data));
    }
    return absl::OkStatus();
  };
  DRAY_RETURN_IF_ERROR(HashFile(fd, 0, write).status());
  if (builder.Finish() != file.root) {
    incoming->Discard();
    return false;
  }
  DRAY_RETURN_IF_ERROR(incoming->Finish(options));
  return true;
}

}  // namespace

absl::Status LocalMoves::AddExtra(const SyncEntry& extra) {
  if (!extra.file() || extra.size_bytes == 0 || candidates_.size() >= kMaxCandidates) {
    return absl::OkStatus();
  }
  DRAY_ASSIGN_OR_RETURN(const uint64_t place,
                        entries_.Append(EncodeRecord({.change = {}, .entry = extra})));
  candidates_.push_back({extra.size_bytes, place});
  sorted_ = false;
  return absl::OkStatus();
}

absl::Status LocalMoves::AddKept(const SyncEntry& source) {
  const auto root = Root::FromBytes(source.root);
  if (!source.file() || source.size_bytes == 0 || !root || kept_.size() >= kMaxCandidates) {
    return absl::OkStatus();
  }
  DRAY_ASSIGN_OR_RETURN(const uint64_t place, kept_names_.Append(source.name));
  kept_.push_back({PrefixOf(*root), place});
  kept_sorted_ = false;
  return absl::OkStatus();
}

absl::Status LocalMoves::ReadAll(const BeneathFolder& base, uint64_t size_bytes) {
  if (!sorted_) {
    std::sort(candidates_.begin(), candidates_.end(),
              [](const Candidate& a, const Candidate& b) { return a.size_bytes < b.size_bytes; });
    sorted_ = true;
  }
  if (!sizes_read_.insert(size_bytes).second) return absl::OkStatus();
  auto candidate =
      std::lower_bound(candidates_.begin(), candidates_.end(), size_bytes,
                       [](const Candidate& one, uint64_t size) { return one.size_bytes < size; });
  for (; candidate != candidates_.end() && candidate->size_bytes == size_bytes; ++candidate) {
    DRAY_ASSIGN_OR_RETURN(const std::string bytes, entries_.At(candidate->place));
    const auto fd = OpenFile(base, DecodeRecord(bytes).entry);
    if (!fd.ok()) continue;
    uint64_t chunks = 0;
    const auto root = RootOfFile(fd->get(), &chunks);
    if (root.ok()) places_[*root].push_back(candidate->place);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> LocalMoves::Make(const RemoteFile& file, const GetOptions& options,
                                      bool may_move) {
  DRAY_ASSIGN_OR_RETURN(const bool made, MakeOfExtra(file, options, may_move));
  return made ? true : MakeOfKept(file, options);
}

absl::StatusOr<bool> LocalMoves::MakeOfKept(const RemoteFile& file, const GetOptions& options) {
  if (!kept_sorted_) std::sort(kept_.begin(), kept_.end());
  kept_sorted_ = true;
  const uint64_t prefix = PrefixOf(file.root);
  auto kept = std::lower_bound(kept_.begin(), kept_.end(), Kept{.root_prefix = prefix});
  for (int i = 0; i < kMaxTries && kept != kept_.end() && kept->root_prefix == prefix;
       ++i, ++kept) {
    DRAY_ASSIGN_OR_RETURN(const std::string name, kept_names_.At(kept->place));
    const auto fd = OpenFile(*file.base, {.name = name});
    struct stat status;
    if (!fd.ok() || ::fstat(fd->get(), &status) != 0 || !S_ISREG(status.st_mode) ||
        static_cast<uint64_t>(status.st_size) != file.size_bytes()) {
      continue;
    }
    DRAY_ASSIGN_OR_RETURN(const bool made, CopyFile(fd->get(), file, options));
    if (made) return true;
  }
  return false;
}

absl::StatusOr<bool> LocalMoves::MakeOfExtra(const RemoteFile& file, const GetOptions& options,
                                             bool may_move) {
  DRAY_RETURN_IF_ERROR(ReadAll(*file.base, file.size_bytes()));
  const auto found = places_.find(file.root);
  if (found == places_.end()) return false;
  std::vector<uint64_t>& places = found->second;
  while (!places.empty()) {
    DRAY_ASSIGN_OR_RETURN(const std::string bytes, entries_.At(places.back()));
    bool moved = false;
    DRAY_ASSIGN_OR_RETURN(const bool made,
                          MakeOf(DecodeRecord(bytes).entry, file, options, may_move, &moved));
    if (!made || moved) places.pop_back();
    if (made) return true;
  }
  return false;
}

absl::StatusOr<bool> LocalMoves::MakeOf(const SyncEntry& entry, const RemoteFile& file,
                                        const GetOptions& options, bool may_move, bool* moved) {
  const auto fd = OpenFile(*file.base, entry);
  struct stat status;
  // Its hash is of the contents that it had in that state.
  if (!fd.ok() || !IsAsTold(fd->get(), entry, &status)) return false;
  if (!may_move || status.st_nlink != 1) return CopyFile(fd->get(), file, options);
  DRAY_RETURN_IF_ERROR(MoveFile(fd->get(), entry, file, options));
  *moved = true;
  return true;
}

}  // namespace dray
