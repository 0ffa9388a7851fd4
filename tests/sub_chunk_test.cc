// A change smaller than a chunk moves little more than itself.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

class SubChunkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
  }

  // Puts `before` and then `after` under one name; returns what the second put moved. What comes
  // back is `after`.
  uint64_t MovedByChange(const std::string& before, const std::string& after) {
    WriteFile(stack_.Path("file"), before);
    stack_.DrayStats({"put", stack_.Path("file"), ":/file"});
    WriteFile(stack_.Path("file"), after);
    const CommandResult put = stack_.DrayStats({"put", stack_.Path("file"), ":/file"});
    const CommandResult get = stack_.Dray({"get", ":/file", stack_.Target("back")});
    EXPECT_EQ(get.status, 0) << get.err;
    EXPECT_TRUE(SameContents(stack_.Path("file"), stack_.Target("back")));
    return BytesMoved(put);
  }

  Stack stack_;
};

TEST_F(SubChunkTest, OneBlockOfManyMegabytes) {
  const std::string before = RandomText(10 << 20, 1);
  std::string after = before;
  after.replace(1000 * 4096, 4096, RandomText(4096, 2));
  EXPECT_LT(MovedByChange(before, after), 16u << 10);
  stack_.ExpectSound();
}

// One aligned block changed: what it moves is little more than the block, wherever it lies.
TEST_F(SubChunkTest, OneBlockCostsLittleMoreThanItself) {
  const std::string before = RandomText(10 << 20, 6);
  std::vector<uint64_t> moved;
  for (uint64_t i = 0; i < 20; ++i) {
    std::string after = before;
    after.replace(i * 127 * 4096, 4096, RandomText(4096, 100 + i));
    moved.push_back(MovedByChange(before, after));
  }
  std::sort(moved.begin(), moved.end());
  EXPECT_LT(moved[10], 7u << 10);
  EXPECT_LT(moved[17], 8u << 10);
}

TEST_F(SubChunkTest, ScatteredEdits) {
  const std::string before = RandomText(32 << 20, 3);
  std::string after = before;
  for (size_t i = 0; i < 64; ++i) {
    after.replace(i * 500'000 + 12'345, 100, RandomText(100, i + 10));
  }
  EXPECT_LT(MovedByChange(before, after), 64u * 6000);
}

// Three seams: each costs a signature and some blocks, and the list of a leaf (3 KiB). rsync moves
// 41 kB, whatever was swapped; a single chunk that is sent whole would be 64 KiB on average.
TEST_F(SubChunkTest, WhereFarPartsAreSwappedOnlySeamsMove) {
  constexpr size_t kQuarter = 4 << 20;
  uint64_t moved = 0;
  for (uint64_t seed = 30; seed < 34; ++seed) {
    const std::string before = RandomText(4 * kQuarter, seed);
    const auto quarter = [&](size_t number) { return before.substr(number * kQuarter, kQuarter); };
    const uint64_t once = MovedByChange(before, quarter(0) + quarter(2) + quarter(1) + quarter(3));
    EXPECT_LT(once, 64u << 10) << "seed " << seed;
    moved += once;
  }
  EXPECT_LT(moved / 4, 36u << 10);
}

TEST_F(SubChunkTest, WhatIsAllNewCostsLittleMoreThanItself) {
  const std::string after = RandomText(8 << 20, 5);
  EXPECT_LT(MovedByChange(RandomText(8 << 20, 4), after), after.size() * 102 / 100);
}

}  // namespace
}  // namespace dray::testing
