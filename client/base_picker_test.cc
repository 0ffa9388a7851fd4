#include "client/base_picker.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "client/testing/scratch_tree.h"
#include "core/base/file.h"

namespace dray {
namespace {

using testing::Noise;
using testing::ScratchTree;

class BasePickerTest : public ::testing::Test {
 protected:
  LocalChunks ChunksOf(const std::string& contents) {
    tree_.Write("file", contents);
    return *LocalChunks::Of(OpenFile(tree_.Path("file"), O_RDONLY)->get());
  }
  // The bases for getting `after` where `before` is.
  std::vector<LocalBase> Pick(const std::string& before, const std::string& after) {
    old_ = ChunksOf(before);
    const LocalChunks now = ChunksOf(after);
    chunks_.clear();
    lacking_.clear();
    for (const LocalChunks::Chunk& chunk : now.chunks()) {
      if (old_.Find(chunk.id) == nullptr) lacking_.push_back(chunks_.size());
      chunks_.push_back({chunk.id, chunk.begin, chunk.length_bytes});
    }
    const LocalSource source = {.fd = 7, .chunks = &old_};
    return PickBases(chunks_, lacking_, {&source, 1});
  }

  ScratchTree tree_;
  LocalChunks old_;
  std::vector<FileChunk> chunks_;
  std::vector<size_t> lacking_;
};

TEST_F(BasePickerTest, WhatLiesBetweenTheSameNeighbours) {
  const std::string before = Noise(4'000'000, 1);
  std::string after = before;
  after.replace(2'000'000, 100, Noise(100, 2));
  const auto bases = Pick(before, after);
  ASSERT_EQ(bases.size(), 1u);
  EXPECT_EQ(bases[0].first, 0u);
  EXPECT_EQ(bases[0].count, lacking_.size());
  EXPECT_EQ(bases[0].fd, 7);
  EXPECT_LE(bases[0].chunks.front().begin, 2'000'000u);
  EXPECT_GE(bases[0].chunks.back().end(), 2'000'100u);
  EXPECT_EQ(bases[0].chunks.front().begin, chunks_[lacking_[0]].offset_bytes);
}

TEST_F(BasePickerTest, AtTheFrontAndAtTheEnd) {
  const std::string before = Noise(4'000'000, 3);
  auto bases = Pick(before, "new" + before);
  ASSERT_EQ(bases.size(), 1u);
  EXPECT_EQ(bases[0].chunks.front().begin, 0u);
  bases = Pick(before, before + "new");
  ASSERT_EQ(bases.size(), 1u);
  EXPECT_EQ(bases[0].chunks.back().end(), before.size());
}

TEST_F(BasePickerTest, WhatWasMovedIsFoundWhereItWas) {
  const std::string before = Noise(8'000'000, 4);
  std::string after = Noise(1'000'000, 5) + before;
  after.replace(5'000'000, 10, "moved here");
  const auto bases = Pick(before, after);
  ASSERT_GE(bases.size(), 1u);
  EXPECT_LE(bases.back().chunks.front().begin, 4'000'000u);
  EXPECT_GE(bases.back().chunks.back().end(), 4'000'010u);
}

TEST_F(BasePickerTest, WhereMuchWasCutOutBothSidesAreTheBase) {
  const std::string before = Noise(8'000'000, 7);
  const auto bases = Pick(before, before.substr(0, 3'000'000) + before.substr(6'000'000));
  ASSERT_EQ(bases.size(), 1u);
  EXPECT_LT(bases[0].chunks.front().begin, 3'000'000u);
  EXPECT_GT(bases[0].chunks.back().end(), 6'000'000u);
}

// Each of the first three quarters stands elsewhere afterwards.
TEST_F(BasePickerTest, WhereFarPartsWereSwappedAllOfASeamIsInItsBases) {
  constexpr size_t kQuarter = 2'000'000;
  constexpr size_t kBlock = 512;
  for (uint64_t seed = 20; seed < 30; ++seed) {
    const std::string before = Noise(4 * kQuarter, seed);
    const auto quarter = [&](size_t number) { return before.substr(number * kQuarter, kQuarter); };
    const std::string after = quarter(2) + quarter(1) + quarter(0) + quarter(3);
    size_t in_bases = 0;
    for (const LocalBase& base : Pick(before, after)) {
      std::string bytes;
      for (const LocalChunks::Chunk& chunk : base.chunks) {
        bytes += before.substr(chunk.begin, chunk.length_bytes);
      }
      EXPECT_LE(bytes.size(), kMaxLocalBaseBytes);
      in_bases += base.count;
      const uint64_t begin = chunks_[lacking_[base.first]].offset_bytes;
      const FileChunk& last = chunks_[lacking_[base.first + base.count - 1]];
      for (uint64_t at = begin; at + kBlock <= last.offset_bytes + last.length_bytes;
           at += kBlock) {
        if (at / kQuarter != (at + kBlock - 1) / kQuarter) continue;  // of both sides
        EXPECT_NE(bytes.find(after.substr(at, kBlock)), std::string::npos)
            << "seed " << seed << ", byte " << at;
      }
    }
    EXPECT_EQ(in_bases, lacking_.size()) << "seed " << seed;
  }
}

TEST_F(BasePickerTest, BasesAreBoundedAndInOrder) {
  const std::string before = Noise(20'000'000, 6);
  std::string after = before;
  for (size_t at = 0; at + 10 < after.size(); at += 15'000) after.replace(at, 10, "everywhere");
  const auto bases = Pick(before, after);
  ASSERT_GT(bases.size(), 40u);
  size_t next = 0;
  for (const LocalBase& base : bases) {
    EXPECT_GE(base.first, next);
    EXPECT_LE(base.count, kMaxChunksOfLocalBase);
    EXPECT_LE(base.length_bytes(), kMaxLocalBaseBytes);
    EXPECT_FALSE(base.chunks.empty());
    next = base.first + base.count;
  }
  EXPECT_LE(next, lacking_.size());
}

TEST_F(BasePickerTest, WithoutASourceThereAreNone) {
  const std::vector<FileChunk> chunks = {{ChunkId(), 0, 20'000}};
  const std::vector<size_t> lacking = {0};
  EXPECT_TRUE(PickBases(chunks, lacking, {}).empty());
}

}  // namespace
}  // namespace dray
