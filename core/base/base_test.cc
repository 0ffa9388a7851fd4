#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/base/path.h"
#include "core/base/random.h"

namespace dray {
namespace {

TEST(Bytes, BigEndianRoundTrip) {
  uint8_t buffer[8];
  StoreBigEndian<uint32_t>(buffer, 0x01020304);
  EXPECT_EQ(buffer[0], 1);
  EXPECT_EQ(buffer[3], 4);
  EXPECT_EQ(LoadBigEndian<uint32_t>(buffer), 0x01020304u);
  StoreBigEndian<uint64_t>(buffer, 0xFFEEDDCCBBAA9988u);
  EXPECT_EQ(LoadBigEndian<uint64_t>(buffer), 0xFFEEDDCCBBAA9988u);
}

TEST(Digest, TakesExactly32Bytes) {
  EXPECT_FALSE(ChunkId::FromBytes(std::string(31, 'x')));
  EXPECT_FALSE(ChunkId::FromBytes(std::string(33, 'x')));
  EXPECT_EQ(ChunkId::FromBytes(std::string(32, 'x'))->view(), std::string(32, 'x'));
}

TEST(RemotePath, SplitsNames) {
  auto names = SplitRemotePath("a/b c/\xff");
  ASSERT_TRUE(names.ok());
  EXPECT_EQ(*names, (std::vector<std::string_view>{"a", "b c", "\xff"}));
  EXPECT_TRUE(SplitRemotePath("")->empty());
}

TEST(RemotePath, RefusesWhatEscapesOrIsNoName) {
  for (std::string bad : {"/etc", "a//b", "a/", "..", "a/../b", ".", "a/./b"}) {
    EXPECT_EQ(SplitRemotePath(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(SplitRemotePath(std::string("a\0b", 3)).ok());
  EXPECT_FALSE(SplitRemotePath(std::string(256, 'n')).ok());
  EXPECT_TRUE(SplitRemotePath(std::string(255, 'n')).ok());
  EXPECT_FALSE(SplitRemotePath(std::string(3000, 'n') + "/" + std::string(2000, 'n')).ok());
}

TEST(Path, LiesBeneathByWholeNames) {
  EXPECT_TRUE(IsAtOrBeneath("a/b", ""));
  EXPECT_TRUE(IsAtOrBeneath("", ""));
  EXPECT_TRUE(IsAtOrBeneath("a/b", "a"));
  EXPECT_TRUE(IsAtOrBeneath("a/b", "a/b"));
  EXPECT_FALSE(IsAtOrBeneath("ab", "a"));
  EXPECT_FALSE(IsAtOrBeneath("a", "a/b"));
}

TEST(EscapedName, EveryByteSurvives) {
  std::string all;
  for (int i = 1; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(*UnescapeName(EscapeName(all)), all);
  EXPECT_EQ(EscapeName("gr\xc3\xbc\xc3\x9f\n\xff\\"), "gr\xc3\xbc\xc3\x9f\\x0a\\xff\\\\");
  EXPECT_EQ(EscapeName("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_FALSE(UnescapeName("\\y").ok());
  EXPECT_FALSE(UnescapeName("\\x4").ok());
}

TEST(File, ReplaceAndReadBack) {
  const std::string name = testing::TempDir() + "/base_test_file";
  ASSERT_TRUE(ReplaceFile(name, "first").ok());
  ASSERT_TRUE(ReplaceFile(name, "second").ok());
  EXPECT_EQ(*ReadWholeFile(name, 100), "second");
  EXPECT_EQ(ReadWholeFile(name, 5).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadWholeFile(name + "-none", 5).status().code(), absl::StatusCode::kNotFound);
}

TEST(Errno, FullDiskIsResourceExhausted) {
  EXPECT_EQ(ErrnoStatus(ENOSPC, "x").code(), absl::StatusCode::kResourceExhausted);
}

TEST(Random, Differs) { EXPECT_NE(RandomBytes(16), RandomBytes(16)); }

}  // namespace
}  // namespace dray
