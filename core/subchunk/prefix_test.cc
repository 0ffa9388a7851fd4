#include "core/subchunk/prefix.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

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

// The frame; empty when it is not shorter than `raw`.
std::string Compressed(const std::string& raw, const std::string& prefix, int level = 3) {
  std::string out(raw.size(), '\0');
  out.resize(CompressWithPrefix(AsBytes(raw), AsBytes(prefix), level, Writable(&out)));
  return out;
}

absl::StatusCode CodeOf(const std::string& frame, const std::string& prefix, size_t bytes) {
  std::string out(bytes, '\0');
  return ExpandWithPrefix(AsBytes(frame), AsBytes(prefix), Writable(&out)).code();
}

TEST(Prefix, AnEditCostsLittleMoreThanItself) {
  for (const size_t bytes : {20'000u, 75'000u, 262'144u}) {
    for (const int level : {1, 3, 9}) {
      const std::string prefix = RandomText(bytes, 1);
      std::string raw = prefix;
      raw.replace(bytes / 2, 4096, RandomText(4100, 2));
      const std::string frame = Compressed(raw, prefix, level);
      ASSERT_FALSE(frame.empty());
      EXPECT_LT(frame.size(), 4400u) << bytes << " " << level;
      std::string back(raw.size(), '\0');
      ASSERT_TRUE(ExpandWithPrefix(AsBytes(frame), AsBytes(prefix), Writable(&back)).ok());
      EXPECT_TRUE(back == raw);
    }
  }
}

TEST(Prefix, TheLongestOnesFit) {
  const std::string prefix = RandomText(kMaxPrefixBytes, 3);
  const std::string raw = prefix.substr(1) + "!";
  const std::string frame = Compressed(raw, prefix);
  ASSERT_FALSE(frame.empty());
  EXPECT_LT(frame.size(), 1000u);
  EXPECT_EQ(CodeOf(frame, prefix, raw.size()), absl::StatusCode::kOk);
}

TEST(Prefix, NothingAlikeMakesNoFrame) {
  EXPECT_EQ(Compressed(RandomText(50'000, 4), RandomText(50'000, 5)), "");
  EXPECT_EQ(CodeOf(Compressed("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ""), "", 49),
            absl::StatusCode::kOk);
}

TEST(Prefix, WhatIsNoFrameIsRefused) {
  const std::string prefix = RandomText(10'000, 6);
  const std::string frame = Compressed(std::string(prefix), prefix);
  const auto refused = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(CodeOf(frame, prefix, 10'000), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf(frame, prefix, 9'999), refused);
  EXPECT_EQ(CodeOf(frame, prefix, 10'001), refused);
  EXPECT_EQ(CodeOf(frame, prefix.substr(0, 100), 10'000), refused);
  EXPECT_EQ(CodeOf(frame + frame, prefix, 20'000), refused);
  EXPECT_EQ(CodeOf(frame.substr(0, frame.size() - 1), prefix, 10'000), refused);
  EXPECT_EQ(CodeOf("", prefix, 10), refused);
  EXPECT_EQ(CodeOf(std::string("\x50\x2A\x4D\x18\x01\0\0\0x", 9), prefix, 0), refused);
}

}  // namespace
}  // namespace dray
