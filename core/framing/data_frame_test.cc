#include "core/framing/data_frame.h"

#include <gtest/gtest.h>
#include <xxhash.h>
#include <zstd.h>

#include <random>
#include <string>
#include <vector>

#include "core/framing/chunk_encoder.h"

namespace dray {
namespace {

std::string RandomText(size_t bytes, uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

std::string Prose(size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) {
    text += "line " + std::to_string(i * 7919) + ": the quick brown fox\n";
  }
  text.resize(bytes);
  return text;
}

ChunkId SomeId(char fill = 'i') { return *ChunkId::FromBytes(std::string(32, fill)); }

DataFrame RawFrame(const std::string& raw) {
  return {.id = SomeId(),
          .raw_bytes = static_cast<uint32_t>(raw.size()),
          .zstd = false,
          .body = AsBytes(raw)};
}

std::string Encoded(const DataFrame& frame) {
  std::string out;
  AppendDataFrame(frame, &out);
  return out;
}

// A well-formed frame with any body that claims to be zstd.
std::string ZstdFrame(const std::string& body, uint32_t raw_bytes) {
  return Encoded({.id = SomeId(), .raw_bytes = raw_bytes, .zstd = true, .body = AsBytes(body)});
}

std::string Zstd(const std::string& raw) {
  std::string out(ZSTD_compressBound(raw.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), 1));
  return out;
}

absl::Status Expand(const std::string& whole) {
  auto frame = ParseDataFrame(AsBytes(whole));
  if (!frame.ok()) return absl::InternalError(frame.status().ToString());
  std::vector<uint8_t> scratch(frame->raw_bytes);
  return RawChunk(*frame, absl::MakeSpan(scratch)).status();
}

TEST(DataFrame, BytesAreAsDocumented) {
  const std::string whole = Encoded(RawFrame("hello"));
  ASSERT_EQ(whole.size(), 57u);
  EXPECT_EQ(whole.substr(0, 8), std::string("\x00\x00\x00\x31\x10\x00\x00\x00", 8));
  EXPECT_EQ(whole.substr(8, 32), std::string(32, 'i'));
  EXPECT_EQ(whole.substr(40, 4), std::string("\x00\x00\x00\x05", 4));
  const uint64_t checksum = XXH3_64bits_withSeed("hello", 5, XXH3_64bits(whole.data(), 44));
  EXPECT_EQ(LoadBigEndian<uint64_t>(AsBytes(whole).data() + 44), checksum);
  EXPECT_EQ(whole.substr(52), "hello");
}

TEST(DataFrame, ChecksumIsAFixedVector) {
  // Freezes the format: this value may never change.
  const std::string whole = Encoded(RawFrame("hello"));
  EXPECT_EQ(LoadBigEndian<uint64_t>(AsBytes(whole).data() + 44), 0x691F8CBC3F56542Fu);
}

TEST(DataFrame, RoundTripsRawAtBothEndsOfTheRange) {
  for (size_t bytes : {size_t{1}, kMaxRawChunkBytes}) {
    const std::string raw = RandomText(bytes);
    const std::string whole = Encoded(RawFrame(raw));
    EXPECT_EQ(*DataFrameLength(AsBytes(whole).data()), whole.size());
    auto frame = ParseDataFrame(AsBytes(whole));
    ASSERT_TRUE(frame.ok()) << frame.status();
    EXPECT_EQ(frame->id, SomeId());
    auto chunk = RawChunk(*frame, {});
    ASSERT_TRUE(chunk.ok());
    EXPECT_EQ(AsText(*chunk), raw);
    EXPECT_EQ(chunk->data(), AsBytes(whole).data() + kDataFrameOverheadBytes) << "was copied";
  }
}

TEST(DataFrame, EveryFlippedBitIsFound) {
  const std::string whole = Encoded(RawFrame("some bytes of a chunk"));
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_FALSE(ParseDataFrame(AsBytes(damaged)).ok()) << "bit " << bit;
  }
}

TEST(DataFrame, DamageIsDataLossAndNonsenseIsInvalid) {
  std::string whole = Encoded(RawFrame("some bytes of a chunk"));
  whole.back() ^= 1;
  EXPECT_EQ(ParseDataFrame(AsBytes(whole)).status().code(), absl::StatusCode::kDataLoss);
  whole.pop_back();
  EXPECT_EQ(ParseDataFrame(AsBytes(whole)).status().code(), absl::StatusCode::kInvalidArgument);
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(ParseDataFrame(AsBytes(whole).first(length)).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(DataFrame, LengthsOutsideTheFormatAreRefused) {
  uint8_t head[8] = {0, 0, 0, 44, 0x10, 0, 0, 0};
  EXPECT_FALSE(DataFrameLength(head).ok()) << "no body";
  StoreBigEndian<uint32_t>(head, 45);
  EXPECT_EQ(*DataFrameLength(head), 53u);
  StoreBigEndian<uint32_t>(head, 44 + 256 * 1024);
  EXPECT_EQ(*DataFrameLength(head), kMaxDataFrameBytes);
  StoreBigEndian<uint32_t>(head, 45 + 256 * 1024);
  EXPECT_FALSE(DataFrameLength(head).ok());
  StoreBigEndian<uint32_t>(head, 0xFFFFFFFF);
  EXPECT_FALSE(DataFrameLength(head).ok());
}

TEST(DataFrame, ABodyThatFitsNotItsRawLengthIsRefused) {
  const std::string raw = Prose(1000);
  DataFrame frame = RawFrame(raw);
  frame.raw_bytes = 999;
  EXPECT_EQ(ParseDataFrame(AsBytes(Encoded(frame))).status().code(),
            absl::StatusCode::kInvalidArgument);
  frame.zstd = true;
  frame.raw_bytes = 1000;
  EXPECT_EQ(ParseDataFrame(AsBytes(Encoded(frame))).status().code(),
            absl::StatusCode::kInvalidArgument)
      << "a zstd body must be shorter than the chunk";
  frame.raw_bytes = kMaxRawChunkBytes + 1;
  EXPECT_FALSE(ParseDataFrame(AsBytes(Encoded(frame))).ok());
  frame.raw_bytes = 0;
  EXPECT_FALSE(ParseDataFrame(AsBytes(Encoded(frame))).ok());
}

TEST(RawChunk, ExpandsToExactlyTheRawLength) {
  const std::string raw = Prose(50'000);
  EXPECT_TRUE(Expand(ZstdFrame(Zstd(raw), 50'000)).ok());
  EXPECT_EQ(Expand(ZstdFrame(Zstd(raw), 50'001)).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Expand(ZstdFrame(Zstd(raw), 49'999)).code(), absl::StatusCode::kDataLoss);
}

TEST(RawChunk, ABombIsStoppedAtTheRawLength) {
  const std::string bomb = Zstd(std::string(100 << 20, '\0'));
  ASSERT_LT(bomb.size(), 20'000u);
  // ASan would see a write behind the scratch memory.
  EXPECT_EQ(Expand(ZstdFrame(bomb, 200'000)).code(), absl::StatusCode::kDataLoss);
}

TEST(RawChunk, OnlyOneZstdFrameAndNothingElse) {
  const std::string raw = Prose(10'000);
  const std::string body = Zstd(raw);
  EXPECT_EQ(Expand(ZstdFrame(body + "x", 10'000)).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Expand(ZstdFrame(Zstd(raw.substr(0, 5000)) + Zstd(raw.substr(5000)), 10'000)).code(),
            absl::StatusCode::kDataLoss);
  const std::string skippable("\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  EXPECT_EQ(Expand(ZstdFrame(body + skippable, 10'000)).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Expand(ZstdFrame(skippable + body, 10'000)).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Expand(ZstdFrame(skippable, 10'000)).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Expand(ZstdFrame("x", 10'000)).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Expand(ZstdFrame(body.substr(0, body.size() - 1), 10'000)).code(),
            absl::StatusCode::kDataLoss);
}

TEST(ChunkEncoder, WhatItMakesIsTheChunk) {
  ChunkEncoder encoder;
  for (const std::string& raw :
       {std::string("x"), Prose(63), Prose(64), Prose(1000), Prose(kMaxRawChunkBytes),
        RandomText(1), RandomText(70'000), std::string(kMaxRawChunkBytes, '\0')}) {
    const std::string whole = Encoded(encoder.Encode(SomeId(), AsBytes(raw)));
    auto frame = ParseDataFrame(AsBytes(whole));
    ASSERT_TRUE(frame.ok()) << frame.status() << " at " << raw.size();
    std::vector<uint8_t> scratch(frame->raw_bytes);
    auto chunk = RawChunk(*frame, absl::MakeSpan(scratch));
    ASSERT_TRUE(chunk.ok()) << chunk.status();
    EXPECT_TRUE(AsText(*chunk) == raw);
  }
}

TEST(ChunkEncoder, CompressesWhereItPaysOnly) {
  ChunkEncoder encoder;
  const std::string prose = Prose(65'536);
  const std::string noise = RandomText(65'536);
  EXPECT_TRUE(encoder.Encode(SomeId(), AsBytes(prose)).zstd);
  const DataFrame raw = encoder.Encode(SomeId(), AsBytes(noise));
  EXPECT_FALSE(raw.zstd);
  EXPECT_EQ(raw.body.data(), AsBytes(noise).data()) << "was copied";
  // Noise with 2 % of zeros saves less than 3 %.
  std::string nearly = noise;
  nearly.replace(1000, 1300, 1300, '\0');
  EXPECT_FALSE(encoder.Encode(SomeId(), AsBytes(nearly)).zstd);
  nearly.replace(1000, 6500, 6500, '\0');
  EXPECT_TRUE(encoder.Encode(SomeId(), AsBytes(nearly)).zstd);
}

TEST(ChunkEncoder, RecoversWithTheFirstCompressibleChunk) {
  ChunkEncoder encoder;
  const std::string noise = RandomText(65'536);
  const std::string prose = Prose(65'536);
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(encoder.Encode(SomeId(), AsBytes(noise)).zstd);
  EXPECT_TRUE(encoder.Encode(SomeId(), AsBytes(prose)).zstd);
}

TEST(ChunkEncoder, FindsRepeatsThatASampleDoesNotShow) {
  ChunkEncoder encoder;
  const std::string half = RandomText(32'768);
  const std::string repeating = half + half;
  for (uint32_t i = 0; i < 10; ++i) {
    encoder.Encode(SomeId(), AsBytes(RandomText(65'536, i)));
  }
  int until_found = 0;
  while (!encoder.Encode(SomeId(), AsBytes(repeating)).zstd) ASSERT_LT(++until_found, 40);
  EXPECT_TRUE(encoder.Encode(SomeId(), AsBytes(repeating)).zstd) << "then tries each again";
}

}  // namespace
}  // namespace dray
