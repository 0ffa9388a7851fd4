#include "client/old_copy.h"

#include <sys/stat.h>

#include <utility>

#include "core/base/file.h"

namespace dray {
namespace {

// Shorter files cost little more than what stands around them.
constexpr uint64_t kLeastBytes = 4 << 10;
// Of an older copy: more of it than of the file is of little use.
constexpr uint64_t kMaxOldBytes = 2 << 20;

uint64_t LengthOf(absl::Span<const ChunkEntry> chunks) {
  uint64_t length = 0;
  for (const ChunkEntry& chunk : chunks) length += chunk.length_bytes;
  return length;
}

}  // namespace

void LookForOldCopy(SmallGet* file, HashCache* cache, Trust trust) {
  if (file->remote.size_bytes() < kLeastBytes) file->old_chunks.emplace();
  if (file->old_chunks) return;
  std::vector<ChunkEntry>& chunks = file->old_chunks.emplace();
  const auto fd = OpenExisting(file->remote);
  struct stat status;
  if (!fd.ok() || ::fstat(fd->get(), &status) != 0) return;
  if (status.st_size == 0 || static_cast<uint64_t>(status.st_size) > kMaxOldBytes) return;
  auto found = ChunksOfFile(fd->get(), cache, trust);
  // It may have grown while it was read.
  if (found.ok() && LengthOf(*found) <= kMaxOldBytes) chunks = *std::move(found);
}

Bytes OldCopy::Read(size_t first, size_t count) {
  if (first > chunks_.size() || count > chunks_.size() - first) return {};
  if (!bytes_) ReadAll();
  const uint64_t begin = LengthOf(chunks_.first(first));
  const uint64_t length = LengthOf(chunks_.subspan(first, count));
  if (begin + length > bytes_->size()) return {};
  return Bytes(*bytes_).subspan(begin, length);
}

void OldCopy::ReadAll() {
  bytes_.emplace();
  const auto fd = OpenExisting(file_);
  if (!fd.ok()) return;
  bytes_->resize(LengthOf(chunks_));
  const auto read = ReadAt(fd->get(), 0, absl::MakeSpan(*bytes_));
  bytes_->resize(read.ok() ? *read : 0);
}

}  // namespace dray
