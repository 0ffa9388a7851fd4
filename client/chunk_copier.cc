#include "client/chunk_copier.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "client/copy_range.h"
#include "core/base/file.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"

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

const std::string& Zeroes() {
  static const std::string& zeroes = *new std::string(kMaxChunkBytes, '\0');
  return zeroes;
}

// What a hole is cut into.
bool IsZeroChunk(const FileChunk& chunk) {
  static const ChunkId id = Sha256(AsBytes(Zeroes())).As<ChunkTag>();
  return chunk.length_bytes == kMaxChunkBytes && chunk.id == id;
}

bool Follows(const LocalCopy& before, const LocalCopy& next) {
  return before.from == next.from &&
         before.from_offset + before.chunk.length_bytes == next.from_offset &&
         before.chunk.offset_bytes + before.chunk.length_bytes == next.chunk.offset_bytes;
}

}  // namespace

absl::StatusOr<std::vector<size_t>> ChunkCopier::Copy(absl::Span<const LocalCopy> copies) const {
  uint64_t bytes = 0;
  for (const LocalCopy& copy : copies) bytes += copy.chunk.length_bytes;
  const size_t half = bytes < kThreadBytes ? 0 : copies.size() / 2;
  std::vector<size_t> wrong;
  std::vector<size_t> wrong_later;
  absl::Status later;
  std::thread second([&] { later = CopyPart(copies.subspan(half), half, &wrong_later); });
  const absl::Status first = CopyPart(copies.first(half), 0, &wrong);
  second.join();
  DRAY_RETURN_IF_ERROR(first);
  DRAY_RETURN_IF_ERROR(later);
  wrong.insert(wrong.end(), wrong_later.begin(), wrong_later.end());
  return wrong;
}

absl::Status ChunkCopier::CopyPart(absl::Span<const LocalCopy> copies, size_t first,
                                   std::vector<size_t>* wrong) const {
  if (copies.empty()) return absl::OkStatus();
  GroupChecker checker(incoming_->part());
  std::vector<FileChunk> group;
  for (size_t at = 0; at < copies.size();) {
    DRAY_RETURN_IF_ERROR(cancellation_->Check());
    if (IsZeroChunk(copies[at].chunk)) {  // stays a hole
      DRAY_RETURN_IF_ERROR(incoming_->Write(copies[at].chunk.offset_bytes, AsBytes(Zeroes())));
      on_done_(kMaxChunkBytes);
      ++at;
      continue;
    }
    size_t end = at;
    uint64_t bytes = 0;
    do {
      bytes += copies[end++].chunk.length_bytes;
    } while (end < copies.size() && bytes < kRunBytes && Follows(copies[end - 1], copies[end]) &&
             !IsZeroChunk(copies[end].chunk));
    DRAY_RETURN_IF_ERROR(incoming_->Copy(copies[at].from, copies[at].from_offset,
                                         copies[at].chunk.offset_bytes, bytes));
    while (at < end) {
      group.clear();
      const size_t begin = at;
      for (; at < end && group.size() < kGroup; ++at) group.push_back(copies[at].chunk);
      checker.Check(group, [&](size_t i, bool right) {
        if (right) {
          on_done_(group[i].length_bytes);
        } else {
          wrong->push_back(first + begin + i);
        }
      });
    }
  }
  return absl::OkStatus();
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
