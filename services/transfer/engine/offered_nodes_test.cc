#include "services/transfer/engine/offered_nodes.h"

#include <gtest/gtest.h>

#include "core/chunking/leaf_edit.h"
#include "core/chunking/sha256.h"
#include "core/chunking/tree_builder.h"

namespace dray::transfer {
namespace {

constexpr uint32_t kLength = 20'000;

// The nodes of a file of `count` chunks, of which number `changed` is another one.
std::vector<TreeBuilder::FinishedNode> Nodes(int count, int changed = -1) {
  std::vector<TreeBuilder::FinishedNode> nodes;
  TreeBuilder builder([&](TreeBuilder::FinishedNode node) { nodes.push_back(std::move(node)); });
  for (int i = 0; i < count; ++i) {
    const std::string text = std::to_string(i == changed ? -1 : i);
    builder.Add(Sha256(AsBytes(text)).As<ChunkTag>(), kLength);
  }
  builder.Finish();
  return nodes;
}

std::string EntriesOf(const std::string& encoding) { return encoding.substr(kNodeHeadBytes); }

class OfferedNodesTest : public ::testing::Test {
 protected:
  void OfferAll(const std::vector<TreeBuilder::FinishedNode>& nodes) {
    std::string ids;
    std::vector<uint64_t> shapes;
    for (const auto& node : nodes) {
      ids += node.id.view();
      shapes.push_back(node.node.length_bytes() * 16 + node.node.level);
    }
    ASSERT_TRUE(offered_.Offer(ids, shapes).ok());
  }
  static wire::v1::PutNode ByEdit(uint64_t ordinal, const LeafEdit& edit) {
    wire::v1::PutNode node;
    node.set_ordinal(ordinal);
    node.mutable_edit()->mutable_runs()->Add(edit.runs.begin(), edit.runs.end());
    node.mutable_edit()->set_entries(edit.fresh);
    return node;
  }
  static wire::v1::PutNode ByChildren(uint64_t ordinal, const std::vector<uint64_t>& steps) {
    wire::v1::PutNode node;
    node.set_ordinal(ordinal);
    node.mutable_children()->Add(steps.begin(), steps.end());
    return node;
  }

  OfferedNodes offered_;
};

TEST_F(OfferedNodesTest, AWholeNodeIsWhatItSays) {
  wire::v1::PutNode node;
  node.set_ordinal(1 << 20);
  node.set_encoding("anything");
  EXPECT_EQ(*offered_.Complete(node), "anything");
}

TEST_F(OfferedNodesTest, ALeafIsMadeOfItsOldEntries) {
  const auto before = Nodes(60), after = Nodes(60, 10);
  OfferAll(after);
  const std::string old_entries = EntriesOf(before[0].encoding);
  ASSERT_TRUE(offered_.KeepOld(0, old_entries));
  const LeafEdit edit = MakeLeafEdit(after[0].encoding, ShortIds(old_entries));
  EXPECT_LT(edit.size_bytes(), 100u);
  EXPECT_EQ(*offered_.Complete(ByEdit(0, edit)), after[0].encoding);
  // Once.
  EXPECT_TRUE(absl::IsInvalidArgument(offered_.Complete(ByEdit(0, edit)).status()));
}

TEST_F(OfferedNodesTest, ANodeIsMadeOfItsChildren) {
  const auto nodes = Nodes(1000);
  OfferAll(nodes);
  const uint64_t root = nodes.size() - 1;
  ASSERT_EQ(nodes[root].node.level, 1);
  std::vector<uint64_t> steps(root, 1);
  steps[0] = 0;
  EXPECT_EQ(*offered_.Complete(ByChildren(root, steps)), nodes[root].encoding);
}

TEST_F(OfferedNodesTest, AnotherNodeThanTheOneOfferedHasToBeToldWhole) {
  const auto before = Nodes(60), after = Nodes(60, 10);
  OfferAll(after);
  ASSERT_TRUE(offered_.KeepOld(0, EntriesOf(before[0].encoding)));
  const auto made = offered_.Complete(ByEdit(0, {{0, 0, 60}, ""}));
  EXPECT_TRUE(absl::IsAborted(made.status())) << made.status();
}

TEST_F(OfferedNodesTest, WhatCannotBeIsRefused) {
  const auto nodes = Nodes(1000);
  OfferAll(nodes);
  const uint64_t root = nodes.size() - 1;
  const auto refused = [&](const wire::v1::PutNode& node) {
    return absl::IsInvalidArgument(offered_.Complete(node).status());
  };
  EXPECT_TRUE(refused(ByEdit(0, {{0, 0, 1}, ""})));
  EXPECT_TRUE(refused(ByEdit(root + 1, {})));
  EXPECT_TRUE(refused(ByChildren(root, {root + 1})));
  EXPECT_TRUE(refused(ByChildren(root, {1, ~uint64_t{0}})));
  EXPECT_TRUE(refused(ByChildren(root + 1, {0})));
  EXPECT_TRUE(refused(ByChildren(root, std::vector<uint64_t>(257, 0))));
  EXPECT_TRUE(absl::IsInvalidArgument(offered_.Offer("", {16})));
}

TEST_F(OfferedNodesTest, WhatIsKeptIsBounded) {
  const std::vector<uint64_t> shapes(OfferedNodes::kMostNodes + 1000, 16 * kLength);
  ASSERT_TRUE(offered_.Offer(std::string(shapes.size() * kDigestBytes, 'i'), shapes).ok());
  ASSERT_TRUE(offered_.Offer(std::string(kDigestBytes, 'i'), {16}).ok());
  EXPECT_FALSE(offered_.KeepOld(OfferedNodes::kMostNodes, std::string(kLeafEntryBytes, 'o')));
  EXPECT_FALSE(offered_.KeepOld(0, "no entry"));
  const std::string entries(256 * kLeafEntryBytes, 'o');
  size_t kept = 0;
  while (kept < OfferedNodes::kMostNodes && offered_.KeepOld(kept, entries)) ++kept;
  EXPECT_LE(kept * entries.size(), OfferedNodes::kMostOldBytes);
  EXPECT_GT(kept, 100u);
  // What was told makes room.
  wire::v1::PutNode whole;
  whole.set_encoding("whole");
  ASSERT_TRUE(offered_.Complete(whole).ok());
  EXPECT_TRUE(offered_.KeepOld(kept, entries));
}

}  // namespace
}  // namespace dray::transfer
