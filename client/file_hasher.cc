#include "client/file_hasher.h"

#include <fcntl.h>

#include <cstring>
#include <memory>

#include "core/base/file.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"
#include "core/chunking/tree_builder.h"

namespace dray {
namespace {

// Long enough that three chunks can nearly always be hashed at once, short enough for a core's
// caches.
constexpr size_t kBlockBytes = 2 << 20;

// Cuts `data`, of which nothing follows if `last`, and returns how much of it is in chunks.
size_t Cut(Bytes data, bool last, uint64_t offset, std::vector<HashedChunk>* chunks) {
  size_t at = 0;
  while (at < data.size() && (last || data.size() - at >= kMaxChunkBytes)) {
    const size_t length = CutChunk(data.subspan(at));
    chunks->push_back({.offset_bytes = offset + at, .data = data.subspan(at, length)});
    at += length;
  }
  return at;
}

}  // namespace

absl::StatusOr<uint64_t> HashFile(
    int fd, uint64_t start_bytes,
    const std::function<absl::Status(absl::Span<const HashedChunk>)>& on_chunks) {
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  const std::unique_ptr<uint8_t[]> buffer(new uint8_t[kBlockBytes + kMaxChunkBytes]);
  std::vector<HashedChunk> chunks;
  size_t kept = 0;                // bytes at the buffer's start that are not in a chunk yet
  uint64_t offset = start_bytes;  // of the buffer's start in the file
  for (bool last = false; !last;) {
    DRAY_ASSIGN_OR_RETURN(const size_t read,
                          ReadAt(fd, offset + kept, {buffer.get() + kept, kBlockBytes}));
    last = read < kBlockBytes;
    const Bytes data(buffer.get(), kept + read);
    chunks.clear();
    const size_t cut = Cut(data, last, offset, &chunks);
    HashAll(absl::MakeSpan(chunks));
    if (!chunks.empty()) DRAY_RETURN_IF_ERROR(on_chunks(chunks));
    kept = data.size() - cut;
    offset += cut;
    std::memmove(buffer.get(), buffer.get() + cut, kept);
  }
  return offset;
}

std::vector<HashedChunk> CutContents(Bytes contents) {
  std::vector<HashedChunk> chunks;
  Cut(contents, /*last=*/true, 0, &chunks);
  return chunks;
}

void HashAll(absl::Span<HashedChunk> chunks) {
  std::vector<Bytes> messages;
  messages.reserve(chunks.size());
  for (const HashedChunk& chunk : chunks) messages.push_back(chunk.data);
  std::vector<ChunkId> ids(chunks.size());
  HashChunks(messages, absl::MakeSpan(ids));
  for (size_t i = 0; i < chunks.size(); ++i) chunks[i].id = ids[i];
}

absl::StatusOr<Root> RootOfFile(int fd, uint64_t* chunks) {
  *chunks = 0;
  TreeBuilder builder({});
  DRAY_RETURN_IF_ERROR(HashFile(fd, 0, [&](absl::Span<const HashedChunk> group) {
                         *chunks += group.size();
                         for (const HashedChunk& chunk : group) {
                           builder.Add(chunk.id, chunk.length_bytes());
                         }
                         return absl::OkStatus();
                       }).status());
  return builder.Finish();
}

}  // namespace dray
