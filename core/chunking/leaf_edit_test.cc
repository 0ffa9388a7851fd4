#include "core/chunking/leaf_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "core/chunking/node.h"
#include "core/chunking/sha256.h"

namespace dray {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The encoding of a leaf with a chunk for each number.
std::string Leaf(const std::vector<int>& numbers) {
  Node leaf;
  for (const int number : numbers) {
    leaf.entries.push_back({Sha256(AsBytes(std::to_string(number))), 20'000u + number});
  }
  return EncodeNode(leaf);
}
std::string EntriesOf(const std::string& leaf) { return leaf.substr(kNodeHeadBytes); }

std::vector<int> Numbers(int count) {
  std::vector<int> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

class LeafEditTest : public ::testing::Test {
 protected:
  // The edit from one to the other, which is checked to make the other.
  static LeafEdit Edit(const std::vector<int>& before, const std::vector<int>& after) {
    const std::string old_entries = EntriesOf(Leaf(before));
    LeafEdit edit = MakeLeafEdit(Leaf(after), ShortIds(old_entries));
    EXPECT_EQ(*ApplyLeafEdit(old_entries, edit.runs, edit.fresh), Leaf(after));
    return edit;
  }
  static absl::Status Error(const std::vector<uint32_t>& runs, size_t fresh_entries) {
    const std::string old_entries = EntriesOf(Leaf(Numbers(200)));
    const std::string fresh(fresh_entries * kLeafEntryBytes, 'x');
    return ApplyLeafEdit(old_entries, runs, fresh).status();
  }
};

TEST_F(LeafEditTest, AReplacedEntryIsTheOnlyFreshOne) {
  std::vector<int> after = Numbers(80);
  after[40] = 1000;
  const LeafEdit edit = Edit(Numbers(80), after);
  EXPECT_THAT(edit.runs, ElementsAre(0, 0, 40, 1, 1, 39));
  EXPECT_EQ(edit.fresh, EntriesOf(Leaf({1000})));
}

TEST_F(LeafEditTest, InsertedRemovedAndMovedEntries) {
  std::vector<int> after = Numbers(80);
  after.insert(after.begin() + 10, {500, 501});
  after.erase(after.begin() + 30, after.begin() + 33);
  EXPECT_EQ(Edit(Numbers(80), after).fresh.size(), 2 * kLeafEntryBytes);
  Edit({1, 2, 3, 4, 5, 6}, {4, 5, 6, 1, 2, 3});
  Edit({7, 7, 7, 1}, {7, 1, 7, 7, 7, 7});
}

TEST_F(LeafEditTest, AllNewAllOldAndNothing) {
  EXPECT_THAT(Edit({1, 2}, {3, 4, 5}).runs, ElementsAre(3, 0, 0));
  EXPECT_THAT(Edit({}, {3}).fresh, EntriesOf(Leaf({3})));
  EXPECT_THAT(Edit(Numbers(256), Numbers(256)).fresh, IsEmpty());
  EXPECT_THAT(Edit({1}, {}).runs, IsEmpty());
}

// Which of two entries is meant is then seen by the id of the whole.
TEST_F(LeafEditTest, EntriesWithTheSameShortIdAreConfused) {
  const std::string leaf = Leaf({1});
  std::string other = EntriesOf(leaf);
  other[kShortIdBytes] ^= 1;
  const LeafEdit edit = MakeLeafEdit(leaf, ShortIds(other));
  const auto made = ApplyLeafEdit(other, edit.runs, edit.fresh);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(*made, leaf.substr(0, kNodeHeadBytes) + other);
  EXPECT_NE(*made, leaf);
}

TEST_F(LeafEditTest, WhatIsNoEditIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(Error({0, 0}, 0)));
  EXPECT_TRUE(absl::IsInvalidArgument(Error({1, 0, 0}, 0)));
  EXPECT_TRUE(absl::IsInvalidArgument(Error({0, 0, 0}, 1)));
  EXPECT_TRUE(absl::IsInvalidArgument(Error({0, 150, 51}, 0)));
  EXPECT_TRUE(absl::IsInvalidArgument(Error({0, 0xFFFFFFFF, 0xFFFFFFFF}, 0)));
  EXPECT_TRUE(absl::IsInvalidArgument(Error({57, 0, 200}, 57)));
  EXPECT_TRUE(absl::IsInvalidArgument(ApplyLeafEdit("", {}, "short").status()));
  EXPECT_TRUE(Error({56, 0, 200}, 56).ok());
}

}  // namespace
}  // namespace dray
