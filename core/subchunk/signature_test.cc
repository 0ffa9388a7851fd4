#include "core/subchunk/signature.h"

#include <gtest/gtest.h>

#include <random>

namespace dray {
namespace {

std::string RandomText(size_t bytes, uint32_t seed) {
  std::mt19937 random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

MutableBytes Writable(std::string* text) {
  return {reinterpret_cast<uint8_t*>(text->data()), text->size()};
}

// The delta's length; 0: none that is shorter than the chunk.
size_t DeltaThatWorks(const std::string& base, const std::string& chunk, uint32_t block_bytes) {
  const auto hashes = SignBlocks(AsBytes(base), block_bytes);
  EXPECT_TRUE(hashes.ok()) << hashes.status();
  const auto signature = BlockSignature::Load(block_bytes, AsBytes(*hashes));
  EXPECT_TRUE(signature.ok()) << signature.status();
  std::string delta(chunk.size(), '\0');
  const auto length = signature->MakeDelta(AsBytes(chunk), Writable(&delta));
  EXPECT_TRUE(length.ok()) << length.status();
  if (*length == 0) return 0;
  std::string made(chunk.size(), '\0');
  const auto status = ApplyDelta(AsBytes(delta).first(*length), AsBytes(base), Writable(&made));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(made == chunk);
  return *length;
}

TEST(Signature, OneEditedBlockCostsLittleMoreThanItself) {
  const std::string base = RandomText(96 * 1024, 1);
  std::string chunk = base;
  chunk.replace(40'000, 4096, RandomText(4096, 2));
  const uint32_t block_bytes = ChooseBlockBytes(base.size(), base.size() * 3 / 200);
  ASSERT_GT(block_bytes, 0u);
  const auto hashes = SignBlocks(AsBytes(base), block_bytes);
  ASSERT_TRUE(hashes.ok());
  EXPECT_LE(hashes->size(), base.size() * 3 / 200);
  EXPECT_LT(hashes->size() + DeltaThatWorks(base, chunk, block_bytes), 6000u);
}

TEST(Signature, WhatIsInsertedAndWhatIsCutIsFoundAnyway) {
  const std::string base = RandomText(100'001, 3);
  EXPECT_LT(DeltaThatWorks(base, "some" + base, 512), 1200u);
  EXPECT_LT(DeltaThatWorks(base, base.substr(777), 512), 1200u);
  EXPECT_LT(DeltaThatWorks(base, base.substr(50'000) + base.substr(0, 50'000), 512), 1800u);
}

TEST(Signature, NothingAlikeMakesNoDelta) {
  EXPECT_EQ(DeltaThatWorks(RandomText(50'000, 4), RandomText(50'000, 5), 512), 0u);
}

TEST(Signature, TheBlockLengthKeepsToTheBudget) {
  for (size_t base : {20'000u, 65'536u, 262'144u, 700'000u}) {
    for (size_t most : {60u, 300u, 1000u, 5000u}) {
      const uint32_t block = ChooseBlockBytes(base, most);
      if (block == 0) continue;
      EXPECT_GE(block, kMinBlockBytes);
      EXPECT_LE((base + block - 1) / block * kBlockHashBytes, most);
    }
  }
  EXPECT_EQ(ChooseBlockBytes(65'536, 5), 0u);
  EXPECT_EQ(ChooseBlockBytes(0, 500), 0u);
  EXPECT_EQ(ChooseBlockBytes(kMaxBaseBytes + 1, 5000), 0u);
}

TEST(Signature, LengthsThatCannotBeAreRefused) {
  const std::string hashes(kBlockHashBytes * 3, 'x');
  const auto code = [](uint32_t block, const std::string& bytes) {
    return BlockSignature::Load(block, AsBytes(bytes)).status().code();
  };
  EXPECT_EQ(code(512, hashes), absl::StatusCode::kOk);
  EXPECT_EQ(code(0, hashes), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(0xFFFFFFFF, hashes), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(512, ""), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(512, hashes + "y"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(65536, std::string(kBlockHashBytes * 100, 'x')),
            absl::StatusCode::kInvalidArgument);
}

TEST(Signature, DeltasThatReachTooFarAreRefused) {
  const std::string base = RandomText(4096, 6);
  const auto code = [&](const std::string& delta, size_t out_bytes) {
    std::string out(out_bytes, '\0');
    return ApplyDelta(AsBytes(delta), AsBytes(base), Writable(&out)).code();
  };
  const std::string magic = "rs\x02\x36";
  // COPY with a two-byte offset and a two-byte length, then END.
  const auto copy = [&](std::string offset, std::string length) {
    return magic + '\x4a' + offset + length + std::string(1, '\0');
  };
  const std::string all = copy(std::string("\0\0", 2), std::string("\x10\x00", 2));
  EXPECT_EQ(code(all, 4096), absl::StatusCode::kOk);
  EXPECT_EQ(code(all, 4095), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(all, 4097), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(copy(std::string("\0\1", 2), std::string("\x10\x00", 2)), 4096),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(all.substr(0, all.size() - 1), 4096), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("", 4096), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("nonsense", 4096), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace dray
