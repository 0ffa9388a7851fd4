#include "client/file_hasher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "core/base/file.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"
#include "core/chunking/tree_builder.h"

namespace dray {
namespace {

constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

std::vector<uint8_t> Noise(size_t bytes) {
  std::vector<uint8_t> contents(bytes);
  uint64_t state = bytes;
  for (uint8_t& byte : contents) {
    state = state * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<uint8_t>(state >> 56);
  }
  return contents;
}

UniqueFd FileOf(Bytes contents) {
  UniqueFd fd(::memfd_create("file", MFD_CLOEXEC));
  EXPECT_EQ(::write(fd.get(), contents.data(), contents.size()),
            static_cast<ssize_t>(contents.size()));
  return fd;
}

std::vector<ChunkEntry> HashWhole(int fd, uint64_t start) {
  std::vector<ChunkEntry> found;
  uint64_t end = start;
  const auto size = HashFile(fd, start, [&](absl::Span<const HashedChunk> chunks) {
    for (const HashedChunk& chunk : chunks) {
      EXPECT_EQ(chunk.offset_bytes, end);
      end += chunk.length_bytes();
      found.push_back({chunk.id, chunk.length_bytes()});
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(*size, end);
  return found;
}

TEST(FileHasherTest, AFileIsCutAsItsContentsAre) {
  for (const size_t bytes : {size_t{0}, size_t{1}, 2 * kMiB - 1, 2 * kMiB, 2 * kMiB + 1, 4 * kMiB,
                             9 * kMiB + 12345, 16 * kMiB}) {
    const std::vector<uint8_t> contents = Noise(bytes);
    std::vector<HashedChunk> chunks = CutContents(contents);
    HashAll(absl::MakeSpan(chunks));
    std::vector<ChunkEntry> expected;
    for (const HashedChunk& chunk : chunks) expected.push_back({chunk.id, chunk.length_bytes()});
    const UniqueFd fd = FileOf(contents);
    EXPECT_EQ(HashWhole(fd.get(), 0), expected) << bytes;
    if (chunks.size() < 2) continue;
    expected.erase(expected.begin());
    EXPECT_EQ(HashWhole(fd.get(), chunks[1].offset_bytes), expected) << bytes;
  }
}

// A file that is a hole but for its islands.
class SparseFile {
 public:
  explicit SparseFile(uint64_t bytes) : bytes_(bytes), fd_(::memfd_create("file", MFD_CLOEXEC)) {
    EXPECT_EQ(::ftruncate(fd_.get(), static_cast<off_t>(bytes)), 0);
  }

  void AddIsland(uint64_t offset, std::vector<uint8_t> contents) {
    EXPECT_LE(offset + contents.size(), bytes_);
    EXPECT_TRUE(WriteAt(fd_.get(), offset, contents).ok());
    islands_[offset] = std::move(contents);
  }
  int fd() const { return fd_.get(); }

  // What the chunker makes of the contents, asked chunk by chunk, without the file.
  std::vector<ChunkEntry> Expected() const {
    const std::vector<uint8_t> zeroes(kMaxChunkBytes);
    const ChunkEntry zero_chunk = EntryOf(Bytes(zeroes).first(CutChunk(zeroes)));
    std::vector<ChunkEntry> found;
    for (uint64_t at = 0; at < bytes_; at += found.back().length_bytes) {
      if (bytes_ - at >= kMaxChunkBytes && !HasIsland(at, at + kMaxChunkBytes)) {
        found.push_back(zero_chunk);
        continue;
      }
      const std::vector<uint8_t> window = Window(at);
      found.push_back(EntryOf(Bytes(window).first(CutChunk(window))));
    }
    return found;
  }

 private:
  static ChunkEntry EntryOf(Bytes chunk) {
    return {Sha256(chunk).As<ChunkTag>(), static_cast<uint32_t>(chunk.size())};
  }
  bool HasIsland(uint64_t begin, uint64_t end) const {
    return std::any_of(islands_.begin(), islands_.end(), [&](const auto& island) {
      return island.first < end && island.first + island.second.size() > begin;
    });
  }
  // The longest chunk's bytes from `at` on.
  std::vector<uint8_t> Window(uint64_t at) const {
    std::vector<uint8_t> window(std::min<uint64_t>(kMaxChunkBytes, bytes_ - at));
    for (const auto& [offset, contents] : islands_) {
      const uint64_t from = std::max(at, offset);
      const uint64_t to = std::min<uint64_t>(at + window.size(), offset + contents.size());
      if (from >= to) continue;
      std::copy_n(contents.data() + (from - offset), to - from, window.data() + (from - at));
    }
    return window;
  }

  const uint64_t bytes_;
  const UniqueFd fd_;
  std::map<uint64_t, std::vector<uint8_t>> islands_;
};

Root RootOf(absl::Span<const ChunkEntry> chunks) {
  TreeBuilder builder({});
  for (const ChunkEntry& chunk : chunks) builder.Add(chunk.id, chunk.length_bytes);
  return builder.Finish();
}

TEST(FileHasherTest, HolesAreCutAsZeroesAre) {
  // Islands around the lengths at which holes are skipped, and holes that end where chunks do.
  for (const uint64_t hole : {4 * kKiB, kMiB, 2 * kMiB - 4 * kKiB, 2 * kMiB, 2 * kMiB + 4 * kKiB,
                              5 * kMiB, 256 * kMiB, 300 * kMiB + 8 * kKiB}) {
    for (const uint64_t island : {uint64_t{1}, 100 * kKiB, 3 * kMiB + 5}) {
      for (const uint64_t tail : {uint64_t{0}, 3 * kMiB + 77}) {
        SparseFile file(2 * hole + 2 * island + 1 + tail);
        file.AddIsland(hole, Noise(island));
        file.AddIsland(2 * hole + island, Noise(island + 1));
        const std::vector<ChunkEntry> expected = file.Expected();
        EXPECT_EQ(HashWhole(file.fd(), 0), expected) << hole << ", " << island << ", " << tail;
        if (expected.size() < 2) continue;
        // From its second chunk on, as when the first is remembered.
        EXPECT_EQ(HashWhole(file.fd(), expected[0].length_bytes),
                  std::vector<ChunkEntry>(expected.begin() + 1, expected.end()));
      }
    }
  }
}

TEST(FileHasherTest, AFileThatBeginsWithDataAndIsTruncatedUp) {
  for (const uint64_t bytes : {3 * kMiB, 64 * kMiB, 64 * kMiB + 1}) {
    SparseFile file(bytes);
    file.AddIsland(0, Noise(12345));
    EXPECT_EQ(HashWhole(file.fd(), 0), file.Expected()) << bytes;
  }
}

TEST(FileHasherTest, WrittenZeroesAndHolesAreTheSame) {
  SparseFile holes(40 * kMiB);
  holes.AddIsland(17 * kMiB + 4096, Noise(5000));
  SparseFile zeroes(40 * kMiB);
  zeroes.AddIsland(0, std::vector<uint8_t>(40 * kMiB));
  zeroes.AddIsland(17 * kMiB + 4096, Noise(5000));
  EXPECT_EQ(HashWhole(holes.fd(), 0), HashWhole(zeroes.fd(), 0));
}

TEST(FileHasherTest, ALargeSparseFileHasTheRootOfItsContents) {
  SparseFile file(10 * kGiB + 123);
  file.AddIsland(0, Noise(300 * kKiB));
  file.AddIsland(kGiB + 4 * kKiB, Noise(4 * kKiB));
  file.AddIsland(7 * kGiB + 333 * kMiB + 4321, Noise(9 * kMiB + 17));
  const std::vector<ChunkEntry> expected = file.Expected();
  uint64_t chunks = 0;
  const auto root = RootOfFile(file.fd(), &chunks);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(*root, RootOf(expected));
  EXPECT_EQ(chunks, expected.size());
}

// It would take minutes if it were read.
TEST(FileHasherTest, AHoleOfATebibyteIsHashedAtOnce) {
  constexpr uint64_t kChunks = 1024 * kGiB / kMaxChunkBytes;
  const SparseFile file(kChunks * kMaxChunkBytes + 1);
  const std::vector<uint8_t> zeroes(kMaxChunkBytes);
  const ChunkId id = Sha256(zeroes).As<ChunkTag>();
  TreeBuilder expected({});
  for (uint64_t i = 0; i < kChunks; ++i) expected.Add(id, kMaxChunkBytes);
  expected.Add(Sha256(Bytes(zeroes).first(1)).As<ChunkTag>(), 1);
  uint64_t chunks = 0;
  const auto root = RootOfFile(file.fd(), &chunks);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(*root, expected.Finish());
  EXPECT_EQ(chunks, kChunks + 1);
}

TEST(FileHasherTest, AHoleThatIsFilledBeforeItsTurnIsRead) {
  SparseFile file(4 * kGiB);
  std::vector<ChunkEntry> found;
  const auto size = HashFile(file.fd(), 0, [&](absl::Span<const HashedChunk> chunks) {
    // Farther on than is looked ahead.
    if (found.empty()) file.AddIsland(3 * kGiB + 4 * kKiB, Noise(kMiB));
    for (const HashedChunk& chunk : chunks) found.push_back({chunk.id, chunk.length_bytes()});
    return absl::OkStatus();
  });
  ASSERT_TRUE(size.ok()) << size.status();
  EXPECT_EQ(found, file.Expected());
}

TEST(FileHasherTest, TheFirstErrorEndsIt) {
  const UniqueFd fd = FileOf(Noise(32 << 20));
  for (const int good : {0, 1, 5}) {
    int calls = 0;
    const auto size = HashFile(fd.get(), 0, [&](absl::Span<const HashedChunk>) {
      return calls++ < good ? absl::OkStatus() : absl::CancelledError("enough");
    });
    EXPECT_EQ(size.status(), absl::CancelledError("enough"));
    EXPECT_EQ(calls, good + 1);
  }
}

TEST(FileHasherTest, WhatCannotBeReadIsAnError) {
  const UniqueFd folder = UniqueFd(::open("/", O_RDONLY | O_DIRECTORY));
  EXPECT_FALSE(HashFile(folder.get(), 0, [](absl::Span<const HashedChunk>) {
                 return absl::OkStatus();
               }).ok());
}

}  // namespace
}  // namespace dray
