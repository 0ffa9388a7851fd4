#include "client/file_hasher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "core/base/file.h"

namespace dray {
namespace {

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
  constexpr size_t kMiB = 1 << 20;
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
