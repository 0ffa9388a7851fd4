#include "client/chunk_copier.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <thread>
#include <utility>

#include "client/copy_range.h"
#include "core/base/file.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"
#include "core/chunking/zero_chunk.h"

namespace dray {
namespace {

// Chunks read back and hashed in one go.
constexpr size_t kGroup = 12;
// Copied in one go: long, so that few blocks are shared only in part.
constexpr uint64_t kRunBytes = 8 << 20;
// Less than this is not worth a second thread.
constexpr uint64_t kThreadBytes = 16 << 20;

// Reads chunks of a file and compares them with their ids, a group at a time.
class GroupChecker {
 public:
  explicit GroupChecker(int fd) : fd_(fd), buffer_(new uint8_t[kGroup * kMaxChunkBytes]) {}

  // Tells of each whether it is right; chunks that cannot be read are not.
  template <typename Chunks, typename OnChunk>
  void Check(const Chunks& chunks, OnChunk on_chunk) {
    std::vector<Bytes> messages(chunks.size());
    for (size_t i = 0; i < chunks.size(); ++i) {
      const MutableBytes room(buffer_.get() + i * kMaxChunkBytes, chunks[i].length_bytes);
      const auto read = ReadAt(fd_, chunks[i].offset_bytes, room);
      if (read.ok()) messages[i] = room.first(*read);
    }
    std::vector<ChunkId> ids(chunks.size());
    HashChunks(messages, absl::MakeSpan(ids));
    for (size_t i = 0; i < chunks.size(); ++i) on_chunk(i, ids[i] == chunks[i].id);
  }

 private:
  const int fd_;
  const std::unique_ptr<uint8_t[]> buffer_;
};

// What a hole is cut into.
bool IsZeroChunk(const FileChunk& chunk) {
  return chunk.length_bytes == kMaxChunkBytes && chunk.id == ZeroChunkId();
}

bool Follows(const LocalCopy& before, const LocalCopy& next) {
  return before.from == next.from &&
         before.from_offset + before.chunk.length_bytes == next.from_offset &&
         before.chunk.offset_bytes + before.chunk.length_bytes == next.chunk.offset_bytes;
}

}  // namespace

// Chunks that are copied in one go: [first, end) of all copies. Or one of zeroes.
struct ChunkCopier::Run {
  size_t first = 0;
  size_t end = 0;
  uint64_t bytes = 0;
  bool zeroes = false;
};

std::vector<ChunkCopier::Run> ChunkCopier::RunsOf(absl::Span<const LocalCopy> copies) {
  std::vector<Run> runs;
  for (size_t i = 0; i < copies.size(); ++i) {
    const uint64_t bytes = copies[i].chunk.length_bytes;
    const bool zeroes = IsZeroChunk(copies[i].chunk);
    if (runs.empty() || zeroes || runs.back().zeroes || runs.back().bytes >= kRunBytes ||
        !Follows(copies[i - 1], copies[i])) {
      runs.push_back({.first = i, .zeroes = zeroes});
    }
    runs.back().end = i + 1;
    runs.back().bytes += bytes;
  }
  return runs;
}

// Two threads take one run after the other. Only one of them copies at a time, since the kernel
// lets one write to a file at a time and the other would wait at the processor's cost; meanwhile
// the other one checks.
absl::StatusOr<std::vector<size_t>> ChunkCopier::Copy(absl::Span<const LocalCopy> copies) const {
  const std::vector<Run> runs = RunsOf(copies);
  Progress progress;
  uint64_t bytes = 0;
  for (const Run& run : runs) bytes += run.bytes;
  std::thread second;
  if (bytes >= kThreadBytes) {
    second = std::thread([&] { CopyRuns(copies, runs, &progress); });
  }
  CopyRuns(copies, runs, &progress);
  if (second.joinable()) second.join();
  absl::MutexLock lock(&progress.mutex);
  DRAY_RETURN_IF_ERROR(progress.status);
  std::sort(progress.wrong.begin(), progress.wrong.end());
  return std::move(progress.wrong);
}

void ChunkCopier::CopyRuns(absl::Span<const LocalCopy> copies, absl::Span<const Run> runs,
                           Progress* progress) const {
  GroupChecker checker(incoming_->part());
  while (true) {
    const Run* run = nullptr;
    {
      absl::MutexLock lock(&progress->mutex);
      if (progress->next == runs.size() || !progress->status.ok()) return;
      run = &runs[progress->next++];
      progress->status = cancellation_->Check();
      if (progress->status.ok()) progress->status = CopyRun(copies, *run);
      if (!progress->status.ok()) return;
    }
    if (run->zeroes) {
      on_done_(run->bytes);
      continue;
    }
    std::vector<size_t> wrong;
    for (size_t at = run->first; at < run->end;) {
      const auto group = copies.subspan(at, std::min(kGroup, run->end - at));
      std::vector<FileChunk> chunks;
      for (const LocalCopy& copy : group) chunks.push_back(copy.chunk);
      checker.Check(chunks, [&](size_t i, bool right) {
        if (right) {
          on_done_(chunks[i].length_bytes);
        } else {
          wrong.push_back(at + i);
        }
      });
      at += group.size();
    }
    absl::MutexLock lock(&progress->mutex);
    progress->wrong.insert(progress->wrong.end(), wrong.begin(), wrong.end());
  }
}

absl::Status ChunkCopier::CopyRun(absl::Span<const LocalCopy> copies, const Run& run) const {
  const LocalCopy& first = copies[run.first];
  // Zeroes stay a hole.
  if (run.zeroes) return incoming_->Write(first.chunk.offset_bytes, ZeroChunk());
  return incoming_->Copy(first.from, first.from_offset, first.chunk.offset_bytes, run.bytes);
}

absl::StatusOr<std::vector<bool>> ChunkCopier::CheckInPlace(
    absl::Span<const FileChunk> chunks) const {
  std::vector<bool> there(chunks.size(), false);
  GroupChecker checker(incoming_->part());
  std::vector<FileChunk> group;
  std::vector<size_t> indices;
  const auto check = [&] {
    checker.Check(group, [&](size_t i, bool right) {
      there[indices[i]] = right;
      if (right) on_done_(group[i].length_bytes);
    });
    group.clear();
    indices.clear();
  };
  for (size_t i = 0; i < chunks.size(); ++i) {
    const auto begin = static_cast<off_t>(chunks[i].offset_bytes);
    const off_t data = ::lseek(incoming_->part(), begin, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // nothing but a hole follows
    if (data >= begin + chunks[i].length_bytes && !IsZeroChunk(chunks[i])) continue;
    group.push_back(chunks[i]);
    indices.push_back(i);
    if (group.size() < kGroup) continue;
    DRAY_RETURN_IF_ERROR(cancellation_->Check());
    check();
  }
  check();
  return there;
}

}  // namespace dray
