#include "client/sync/local_moves.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "client/file_hasher.h"
#include "client/sync/record.h"
#include "core/base/path.h"
#include "core/chunking/tree_builder.h"
#include "core/framing/frame.h"

namespace dray {
namespace {

constexpr size_t kMaxCandidates = size_t{1} << 18;
// Kept files that are tried for one that is missing, each of which turns out to be another by now.
constexpr size_t kMaxTries = 4;
// What asking for the root of one file moves, about. Kept files are asked about where the questions
// cost a quarter at most of what the missing file has; about as much is what getting it would cost.
constexpr uint64_t kQuestionBytes = 80;

absl::StatusOr<UniqueFd> OpenFile(const BeneathFolder& base, const SyncEntry& entry) {
  return base.Open(entry.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

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

absl::Status LocalMoves::Candidates::Add(const SyncEntry& entry) {
  if (!entry.file() || entry.size_bytes == 0 || candidates_.size() >= kMaxCandidates) {
    return absl::OkStatus();
  }
  DRAY_ASSIGN_OR_RETURN(const uint64_t place,
                        entries_.Append(EncodeRecord({.change = {}, .entry = entry})));
  candidates_.push_back({entry.size_bytes, place});
  sorted_ = false;
  return absl::OkStatus();
}

absl::Span<const LocalMoves::Candidate> LocalMoves::Candidates::TakeOfSize(uint64_t size_bytes) {
  if (!sizes_taken_.insert(size_bytes).second) return {};
  if (!sorted_) std::sort(candidates_.begin(), candidates_.end());
  sorted_ = true;
  const auto first =
      std::lower_bound(candidates_.begin(), candidates_.end(), Candidate{.size_bytes = size_bytes});
  const auto last =
      std::lower_bound(first, candidates_.end(), Candidate{.size_bytes = size_bytes + 1});
  return {candidates_.data() + (first - candidates_.begin()), static_cast<size_t>(last - first)};
}

absl::StatusOr<SyncEntry> LocalMoves::Candidates::At(uint64_t place) const {
  DRAY_ASSIGN_OR_RETURN(const std::string bytes, entries_.At(place));
  return DecodeRecord(bytes).entry;
}

absl::Status LocalMoves::PrepareKept(const SyncContext& context,
                                     absl::Span<const SyncEntry> missing) {
  std::vector<SyncEntry> asked;
  std::vector<uint64_t> places;
  for (const SyncEntry& file : missing) {
    const absl::Span<const Candidate> candidates = kept_.TakeOfSize(file.size_bytes);
    const bool cheap = candidates.size() * kQuestionBytes <= file.size_bytes / 4;
    for (const Candidate& candidate : candidates) {
      DRAY_ASSIGN_OR_RETURN(SyncEntry kept, kept_.At(candidate.place));
      if (kept.root.empty() && !cheap) break;
      asked.push_back(std::move(kept));
      places.push_back(candidate.place);
      if (asked.size() < kMaxBatchItems) continue;
      DRAY_RETURN_IF_ERROR(TakeRoots(context, std::exchange(asked, {}), places));
      places.clear();
    }
  }
  return TakeRoots(context, std::move(asked), places);
}

absl::Status LocalMoves::TakeRoots(const SyncContext& context, std::vector<SyncEntry> kept,
                                   const std::vector<uint64_t>& places) {
  DRAY_RETURN_IF_ERROR(context.LearnRoots(absl::MakeSpan(kept)));
  for (size_t i = 0; i < kept.size(); ++i) {
    const auto root = Root::FromBytes(kept[i].root);
    if (root) kept_places_[*root].push_back(places[i]);
  }
  return absl::OkStatus();
}

absl::Status LocalMoves::ReadAll(const BeneathFolder& base, uint64_t size_bytes) {
  for (const Candidate& candidate : extras_.TakeOfSize(size_bytes)) {
    DRAY_ASSIGN_OR_RETURN(const SyncEntry extra, extras_.At(candidate.place));
    const auto fd = OpenFile(base, extra);
    if (!fd.ok()) continue;
    uint64_t chunks = 0;
    const auto root = RootOfFile(fd->get(), &chunks);
    if (root.ok()) extra_places_[*root].push_back(candidate.place);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> LocalMoves::MakeOfKept(const RemoteFile& file, const GetOptions& options) {
  const auto found = kept_places_.find(file.root);
  if (found == kept_places_.end()) return false;
  const std::vector<uint64_t>& places = found->second;
  for (size_t i = 0; i < std::min(places.size(), kMaxTries); ++i) {
    DRAY_ASSIGN_OR_RETURN(const SyncEntry kept, kept_.At(places[i]));
    const auto fd = OpenFile(*file.base, kept);
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
  const auto found = extra_places_.find(file.root);
  if (found == extra_places_.end()) return false;
  std::vector<uint64_t>& places = found->second;
  while (!places.empty()) {
    DRAY_ASSIGN_OR_RETURN(const SyncEntry extra, extras_.At(places.back()));
    bool moved = false;
    DRAY_ASSIGN_OR_RETURN(const bool made, MakeOf(extra, file, options, may_move, &moved));
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
