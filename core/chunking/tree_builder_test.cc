#include "core/chunking/tree_builder.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/chunking/node.h"
#include "core/chunking/sha256.h"

namespace dray {
namespace {

ChunkId Id(size_t number, bool ends) {
  ChunkId id = Sha256(AsBytes("chunk " + std::to_string(number))).As<ChunkTag>();
  id.data()[kDigestBytes - 1] = ends ? 0x80 : 0x01;
  return id;
}

ChunkId NaturalId(size_t number) {
  return Sha256(AsBytes("chunk " + std::to_string(number))).As<ChunkTag>();
}

struct Built {
  Root root;
  std::vector<TreeBuilder::FinishedNode> nodes;
};

// The tree of `ids`; chunk i is i % 1000 + 1 bytes long.
Built Build(const std::vector<ChunkId>& ids) {
  Built built;
  TreeBuilder builder(
      [&](TreeBuilder::FinishedNode node) { built.nodes.push_back(std::move(node)); });
  uint64_t length = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    builder.Add(ids[i], static_cast<uint32_t>(i % 1000 + 1));
    length += i % 1000 + 1;
  }
  built.root = builder.Finish();
  EXPECT_EQ(builder.length_bytes(), length);
  return built;
}

std::vector<ChunkId> NaturalIds(size_t count) {
  std::vector<ChunkId> ids;
  for (size_t i = 0; i < count; ++i) ids.push_back(NaturalId(i));
  return ids;
}

// Appends the chunks below `id` in order; every node is canonical, stands at the level and for the
// length its parent says, and was told before its parent.
void Collect(const Built& built, const std::map<NodeId, size_t>& places, size_t place,
             std::vector<Entry>& chunks) {
  const TreeBuilder::FinishedNode& finished = built.nodes[place];
  EXPECT_EQ(finished.id, IdOfNode(AsBytes(finished.encoding)));
  const absl::StatusOr<Node> decoded = DecodeNode(AsBytes(finished.encoding));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->entries, finished.node.entries);
  EXPECT_EQ(decoded->level, finished.node.level);
  for (const Entry& entry : finished.node.entries) {
    if (finished.node.level == 0) {
      chunks.push_back(entry);
      continue;
    }
    const size_t child = places.at(entry.node());
    EXPECT_LT(child, place);
    EXPECT_EQ(built.nodes[child].node.level, finished.node.level - 1);
    EXPECT_EQ(built.nodes[child].node.length_bytes(), entry.length_bytes);
    Collect(built, places, child, chunks);
  }
}

TEST(TreeBuilder, GivesTheEmptyFileALeafWithoutEntries) {
  const Built built = Build({});
  ASSERT_EQ(built.nodes.size(), 1u);
  EXPECT_EQ(built.nodes[0].encoding, std::string("drn\x01\x01\x00\x00\x00", 8));
  EXPECT_EQ(built.root, built.nodes[0].id);
}

TEST(TreeBuilder, GivesAFileOfOneLeafThatLeaf) {
  const Built built = Build({Id(0, false), Id(1, true), Id(2, false)});
  ASSERT_EQ(built.nodes.size(), 1u);
  EXPECT_EQ(built.nodes[0].node.entries.size(), 3u);
  EXPECT_EQ(built.root, built.nodes[0].id);
}

TEST(TreeBuilder, MakesNoLevelAboveALeafThatEndsWithTheFile) {
  std::vector<ChunkId> ids;
  for (size_t i = 0; i < 16; ++i) ids.push_back(Id(i, i == 15));
  const Built built = Build(ids);
  ASSERT_EQ(built.nodes.size(), 1u);
  EXPECT_EQ(built.root, built.nodes[0].id);
}

TEST(TreeBuilder, PutsTwoLeavesUnderOneRoot) {
  std::vector<ChunkId> ids;
  for (size_t i = 0; i < 17; ++i) ids.push_back(Id(i, i == 15));
  const Built built = Build(ids);
  ASSERT_EQ(built.nodes.size(), 3u);
  EXPECT_EQ(built.nodes[0].node.entries.size(), 16u);
  EXPECT_EQ(built.nodes[1].node.entries.size(), 1u);
  EXPECT_EQ(built.nodes[2].node.level, 1);
  EXPECT_EQ(built.nodes[2].node.entries.size(), 2u);
  EXPECT_EQ(built.root, built.nodes[2].id);
}

TEST(TreeBuilder, EndsANodeAt256Entries) {
  std::vector<ChunkId> ids;
  for (size_t i = 0; i < 600; ++i) ids.push_back(Id(i, false));
  const Built built = Build(ids);
  ASSERT_EQ(built.nodes.size(), 4u);
  EXPECT_EQ(built.nodes[0].node.entries.size(), 256u);
  EXPECT_EQ(built.nodes[1].node.entries.size(), 256u);
  EXPECT_EQ(built.nodes[2].node.entries.size(), 88u);
}

TEST(TreeBuilder, HoldsEveryChunkInOrderBelowTheRoot) {
  for (size_t count : {1, 100, 5000, 20000}) {
    const std::vector<ChunkId> ids = NaturalIds(count);
    const Built built = Build(ids);
    std::map<NodeId, size_t> places;
    for (size_t i = 0; i < built.nodes.size(); ++i) places[built.nodes[i].id] = i;
    EXPECT_EQ(built.nodes.back().id, built.root);
    std::vector<Entry> chunks;
    Collect(built, places, built.nodes.size() - 1, chunks);
    ASSERT_EQ(chunks.size(), count);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(chunks[i].chunk(), ids[i]);
      EXPECT_EQ(chunks[i].length_bytes, i % 1000 + 1);
    }
  }
}

TEST(TreeBuilder, AnEditChangesOnlyTheNodesAboveIt) {
  std::vector<ChunkId> ids = NaturalIds(20000);
  const Built before = Build(ids);
  ids[10000] = NaturalId(99999);
  const Built after = Build(ids);
  EXPECT_NE(before.root, after.root);
  std::map<NodeId, size_t> known;
  for (const auto& node : before.nodes) known[node.id];
  size_t new_nodes = 0;
  for (const auto& node : after.nodes) new_nodes += known.contains(node.id) ? 0 : 1;
  // A path to the root, and a neighbour a level where the edit moved a boundary.
  EXPECT_LE(new_nodes, 2 * static_cast<size_t>(after.nodes.back().node.level + 1));
}

TEST(TreeBuilder, NeedsNobodyToTell) {
  const std::vector<ChunkId> ids = NaturalIds(1000);
  TreeBuilder builder(nullptr);
  for (size_t i = 0; i < ids.size(); ++i) builder.Add(ids[i], static_cast<uint32_t>(i % 1000 + 1));
  EXPECT_EQ(builder.Finish(), Build(ids).root);
}

}  // namespace
}  // namespace dray
