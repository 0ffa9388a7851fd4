#include "client/file_hasher.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "client/work_queue.h"
#include "core/base/file.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"
#include "core/chunking/tree_builder.h"
#include "core/chunking/zero_chunk.h"

namespace dray {
namespace {

// Long enough that three chunks can nearly always be hashed at once, short enough for a core's
// caches.
constexpr size_t kBlockBytes = 2 << 20;
// The most chunks of a hole that are handed on together.
constexpr uint64_t kHoleChunks = 1024;

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

// Where a file has holes, as far as its filesystem tells.
class Holes {
 public:
  explicit Holes(int fd) : fd_(fd) {
    constexpr uint64_t kStatBlockBytes = 512;
    struct stat status;
    if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return;
    const auto size = static_cast<uint64_t>(status.st_size);
    // A file without holes is not asked for them again and again.
    if (static_cast<uint64_t>(status.st_blocks) * kStatBlockBytes < size) size_bytes_ = size;
  }

  // How much of the file, from `offset_bytes` on, is a hole now; 0 where data is, or may be.
  uint64_t LengthAt(uint64_t offset_bytes) const {
    if (offset_bytes >= size_bytes_) return 0;
    // ENXIO: no data follows. Any other error: the filesystem cannot tell.
    const off_t data = ::lseek(fd_, static_cast<off_t>(offset_bytes), SEEK_DATA);
    if (data < 0) return errno == ENXIO ? size_bytes_ - offset_bytes : 0;
    return std::min(static_cast<uint64_t>(data), size_bytes_) - offset_bytes;
  }

 private:
  const int fd_;
  uint64_t size_bytes_ = 0;  // at first: what is appended later is read; 0 if there are no holes
};

// A piece of a file, cut into chunks.
struct Block {
  std::unique_ptr<uint8_t[]> bytes{new uint8_t[kMaxChunkBytes + kBlockBytes]};
  std::vector<HashedChunk> chunks;  // views into bytes, or of zeroes
  bool hashed = false;              // the chunks have their ids
  bool last = false;
};

// Reads a file block by block and cuts it.
class FileCutter {
 public:
  FileCutter(int fd, uint64_t start_bytes) : fd_(fd), holes_(fd), offset_(start_bytes) {}

  absl::Status Next(Block* block) {
    block->chunks.clear();
    block->last = false;
    // A chunk begins at offset_, so that a hole there is cut as any zeroes are: ZeroChunk() as
    // often as it fits. What was read of the hole before is not needed.
    const uint64_t hole_bytes = holes_.LengthAt(offset_);
    block->hashed = hole_bytes >= kBlockBytes;
    if (!block->hashed) return ReadOn(block);
    SkipHole(std::min(hole_bytes / kMaxChunkBytes, kHoleChunks), block);
    return absl::OkStatus();
  }
  // Where the chunks cut so far end in the file.
  uint64_t offset() const { return offset_; }

 private:
  void SkipHole(uint64_t chunks, Block* block) {
    for (uint64_t i = 0; i < chunks; ++i) {
      block->chunks.push_back({.id = ZeroChunkId(), .offset_bytes = offset_, .data = ZeroChunk()});
      offset_ += kMaxChunkBytes;
    }
    rest_bytes_ = 0;
  }

  absl::Status ReadOn(Block* block) {
    std::memcpy(block->bytes.get(), rest_.get(), rest_bytes_);
    DRAY_ASSIGN_OR_RETURN(
        const size_t read,
        ReadAt(fd_, offset_ + rest_bytes_, {block->bytes.get() + rest_bytes_, kBlockBytes}));
    block->last = read < kBlockBytes;
    const Bytes data(block->bytes.get(), rest_bytes_ + read);
    const size_t cut = Cut(data, block->last, offset_, &block->chunks);
    offset_ += cut;
    rest_bytes_ = data.size() - cut;
    std::memcpy(rest_.get(), data.data() + cut, rest_bytes_);
    return absl::OkStatus();
  }

  const int fd_;
  const Holes holes_;
  uint64_t offset_;
  // What is read and in no chunk yet.
  const std::unique_ptr<uint8_t[]> rest_{new uint8_t[kMaxChunkBytes]};
  size_t rest_bytes_ = 0;
};

absl::Status HashBlock(
    Block* block, const std::function<absl::Status(absl::Span<const HashedChunk>)>& on_chunks) {
  if (!block->hashed) HashAll(absl::MakeSpan(block->chunks));
  return block->chunks.empty() ? absl::OkStatus() : on_chunks(block->chunks);
}

// What follows `first`, which `cutter` has cut: a thread of its own reads and cuts ahead while this
// one hashes.
absl::Status HashRest(FileCutter* cutter, Block first,
                      const std::function<absl::Status(absl::Span<const HashedChunk>)>& on_chunks) {
  constexpr size_t kBlocks = 3;
  WorkQueue<Block> empty(kBlocks), cut(kBlocks);
  absl::Status read;
  std::thread reader([&] {
    for (bool last = false; read.ok() && !last;) {
      std::optional<Block> block = empty.Pop();
      if (!block) break;
      read = cutter->Next(&*block);
      last = block->last;
      if (read.ok()) cut.Push(*std::move(block));
    }
    cut.Close();
  });
  for (size_t i = 1; i < kBlocks; ++i) empty.Push(Block());
  absl::Status hashed = HashBlock(&first, on_chunks);
  empty.Push(std::move(first));
  while (hashed.ok()) {
    std::optional<Block> block = cut.Pop();
    if (!block) break;
    hashed = HashBlock(&*block, on_chunks);
    empty.Push(*std::move(block));
  }
  empty.Abort();
  reader.join();
  return hashed.ok() ? read : hashed;
}

}  // namespace

absl::StatusOr<uint64_t> HashFile(
    int fd, uint64_t start_bytes,
    const std::function<absl::Status(absl::Span<const HashedChunk>)>& on_chunks) {
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  FileCutter cutter(fd, start_bytes);
  Block first;
  DRAY_RETURN_IF_ERROR(cutter.Next(&first));
  if (first.last) {
    DRAY_RETURN_IF_ERROR(HashBlock(&first, on_chunks));
  } else {
    DRAY_RETURN_IF_ERROR(HashRest(&cutter, std::move(first), on_chunks));
  }
  return cutter.offset();
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
