#include "core/chunking/chunker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/chunking/gear_table.h"
#include "core/chunking/sha256.h"
#include "core/chunking/zero_chunk.h"

namespace dray {
namespace {

constexpr uint64_t kMaskBeforeAverage = 0xFFFFC00000000000;
constexpr uint64_t kMaskFromAverage = 0xFFFC000000000000;

// docs/format/tree.md, "Chunks", word for word and a byte at a time.
size_t ReferenceCut(Bytes data) {
  uint64_t hash = 0;
  for (size_t length = kMinChunkBytes + 1; length <= std::min(data.size(), kMaxChunkBytes);
       ++length) {
    hash = (hash << 1) + internal::kGear[data[length - 1]];
    const uint64_t mask = length < kAverageChunkBytes ? kMaskBeforeAverage : kMaskFromAverage;
    if ((hash & mask) == 0) return length;
  }
  return std::min(data.size(), kMaxChunkBytes);
}

std::vector<uint8_t> RandomData(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint8_t> data(size);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
  return data;
}

// Bytes whose hash never ends a chunk under either mask, for as long as they are repeated.
constexpr uint8_t kQuietByte = 0;

// Some bytes after which a chunk ends under the first mask, whatever stands 64 or more bytes before
// them; found by trying. Each step of the search looks at the hash of the last 64 bytes alone.
std::vector<uint8_t> EndingBytes() {
  constexpr size_t kWindowBytes = 64;
  std::mt19937_64 random(7);
  std::vector<uint8_t> bytes(kWindowBytes, kQuietByte);
  uint64_t hash = 0;
  for (uint8_t byte : bytes) hash = (hash << 1) + internal::kGear[byte];
  do {
    bytes.push_back(static_cast<uint8_t>(random()));
    hash = (hash << 1) + internal::kGear[bytes.back()];
  } while ((hash & kMaskBeforeAverage) != 0);
  return {bytes.end() - kWindowBytes, bytes.end()};
}

// Quiet data of the longest chunk's size with an ending at which a chunk of `length` bytes would
// end.
std::vector<uint8_t> DataEndingAt(size_t length) {
  static const std::vector<uint8_t> ending = EndingBytes();
  std::vector<uint8_t> data(2 * kMaxChunkBytes, kQuietByte);
  std::copy(ending.begin(), ending.end(),
            data.begin() + static_cast<ptrdiff_t>(length - ending.size()));
  return data;
}

void ExpectSameCuts(Bytes data) {
  while (!data.empty()) {
    const size_t length = CutChunk(data);
    ASSERT_EQ(length, ReferenceCut(data)) << data.size() << " bytes before the end";
    data.remove_prefix(length);
  }
}

TEST(GearTable, IsMadeOfHashesAsDocumented) {
  for (size_t i = 0; i < internal::kGear.size(); ++i) {
    const AnyDigest digest = Sha256(AsBytes("dray gear 1 " + std::to_string(i)));
    EXPECT_EQ(internal::kGear[i], LoadBigEndian<uint64_t>(digest.data())) << i;
  }
}

TEST(CutChunk, TakesShortDataWhole) {
  EXPECT_EQ(CutChunk({}), 0u);
  const std::vector<uint8_t> data = RandomData(kMinChunkBytes, 1);
  for (size_t size : {size_t{1}, size_t{2}, size_t{1000}, kMinChunkBytes - 1, kMinChunkBytes}) {
    EXPECT_EQ(CutChunk(Bytes(data.data(), size)), size);
  }
}

TEST(CutChunk, CutsAsTheReferenceDoesInRandomData) {
  for (uint64_t seed : {1, 2, 3}) ExpectSameCuts(RandomData(6000000 + seed * 12345, seed));
}

TEST(CutChunk, CutsAsTheReferenceDoesInText) {
  std::mt19937_64 random(4);
  std::string text;
  while (text.size() < 4000000) {
    text += "line " + std::to_string(random() % 5000) + ": the quick brown fox jumps\n";
  }
  ExpectSameCuts(AsBytes(text));
}

TEST(CutChunk, CutsEqualBytesAtTheMaximum) {
  const std::vector<uint8_t> zeros(3 * kMaxChunkBytes + 5, 0);
  EXPECT_EQ(CutChunk(zeros), kMaxChunkBytes);
  EXPECT_EQ(CutChunk(ZeroChunk()), kMaxChunkBytes);
  EXPECT_EQ(ZeroChunkId(), Sha256(Bytes(zeros.data(), kMaxChunkBytes)).As<ChunkTag>());
  ExpectSameCuts(zeros);
  ExpectSameCuts(std::vector<uint8_t>(kMaxChunkBytes + 1, 0xFF));
}

// Every remainder of the steps the scan takes, on both sides of where its masks change.
TEST(CutChunk, CutsAsTheReferenceDoesAtEveryLengthNearTheLimits) {
  const std::vector<uint8_t> data = RandomData(kMaxChunkBytes + 64, 5);
  const std::vector<uint8_t> zeros(kMaxChunkBytes + 64, 0);
  for (size_t limit : {kMinChunkBytes, kAverageChunkBytes, kMaxChunkBytes}) {
    for (size_t size = limit - 20; size <= limit + 20; ++size) {
      EXPECT_EQ(CutChunk(Bytes(data.data(), size)), ReferenceCut(Bytes(data.data(), size))) << size;
      EXPECT_EQ(CutChunk(Bytes(zeros.data(), size)), std::min(size, kMaxChunkBytes)) << size;
    }
  }
}

TEST(CutChunk, EndsWhereTheHashSaysSoAndNotBeforeTheMinimum) {
  // The first 16 KiB are not hashed: an ending that lies half in them is not seen.
  EXPECT_EQ(CutChunk(DataEndingAt(kMinChunkBytes)), kMaxChunkBytes);
  EXPECT_EQ(CutChunk(DataEndingAt(kMinChunkBytes + 32)), kMaxChunkBytes);
  std::vector<size_t> lengths = {kMaxChunkBytes - 1, kMaxChunkBytes};
  for (size_t i = 0; i < 16; ++i) {
    lengths.push_back(kMinChunkBytes + 64 + i);
    lengths.push_back(kAverageChunkBytes - 8 + i);
  }
  for (size_t length : lengths) EXPECT_EQ(CutChunk(DataEndingAt(length)), length);
}

// The hash starts at 0 after the minimum: three bytes can already end a chunk there, whatever
// stands before them.
TEST(CutChunk, CanEndThreeBytesAfterTheMinimum) {
  std::vector<uint8_t> data = RandomData(kMinChunkBytes + 100, 8);
  uint8_t* const after = &data[kMinChunkBytes];
  uint64_t hash = ~uint64_t{0};
  for (uint32_t bytes = 0; (hash & kMaskBeforeAverage) != 0; ++bytes) {
    ASSERT_LT(bytes, uint32_t{1} << 24);
    hash = 0;
    for (size_t i = 0; i < 3; ++i) {
      after[i] = static_cast<uint8_t>(bytes >> (8 * i));
      hash = (hash << 1) + internal::kGear[after[i]];
    }
  }
  EXPECT_EQ(CutChunk(data), kMinChunkBytes + 3);
  data.insert(data.begin(), 1);
  EXPECT_NE(CutChunk(data), kMinChunkBytes + 4) << "the hash did not start after the minimum";
}

// The hash at a byte under the second mask only: it ends a chunk from the average length on, and
// not one byte before.
TEST(CutChunk, ChangesTheMaskAtTheAverageLength) {
  std::vector<uint8_t> bytes = RandomData(1 << 20, 6);
  uint64_t hash = 0;
  size_t ending = 0;
  for (size_t i = 0; i < bytes.size() && ending == 0; ++i) {
    hash = (hash << 1) + internal::kGear[bytes[i]];
    if (i >= 64 && (hash & kMaskFromAverage) == 0 && (hash & kMaskBeforeAverage) != 0) ending = i;
  }
  ASSERT_NE(ending, 0u);
  const Bytes window(&bytes[ending - 63], 64);
  std::vector<uint8_t> data(kMaxChunkBytes, kQuietByte);
  std::copy(window.begin(), window.end(), data.begin() + kAverageChunkBytes - 64);
  EXPECT_EQ(CutChunk(data), kAverageChunkBytes);
  data.insert(data.begin() + kMinChunkBytes, kQuietByte);
  EXPECT_EQ(CutChunk(data), kAverageChunkBytes + 1);
  data.erase(data.begin() + kMinChunkBytes, data.begin() + kMinChunkBytes + 2);
  data.resize(kMaxChunkBytes, kQuietByte);
  EXPECT_EQ(CutChunk(data), kMaxChunkBytes);
}

}  // namespace
}  // namespace dray
