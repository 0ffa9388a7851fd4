#include "client/local_chunks.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "client/testing/scratch_tree.h"
#include "core/base/file.h"
#include "core/chunking/node.h"

namespace dray {
namespace {

using testing::Noise;
using testing::ScratchTree;

class LocalChunksTest : public ::testing::Test {
 protected:
  LocalChunks Of(const std::string& contents) {
    tree_.Write("file", contents);
    const auto fd = OpenFile(tree_.Path("file"), O_RDONLY);
    auto chunks = LocalChunks::Of(fd->get());
    EXPECT_TRUE(chunks.ok()) << chunks.status();
    return *std::move(chunks);
  }
  ScratchTree tree_;
};

TEST_F(LocalChunksTest, EveryChunkIsFoundWhereItLies) {
  const LocalChunks local = Of(Noise(3'000'000, 1));
  uint64_t begin = 0;
  for (const LocalChunks::Chunk& chunk : local.chunks()) {
    EXPECT_EQ(chunk.begin, begin);
    EXPECT_EQ(local.Find(chunk.id)->begin, begin);
    EXPECT_TRUE(local.HasAt(chunk.id, begin));
    EXPECT_FALSE(local.HasAt(chunk.id, begin + 1));
    begin = chunk.end();
  }
  EXPECT_EQ(begin, 3'000'000u);
  EXPECT_EQ(local.length_bytes(), begin);
  EXPECT_EQ(local.Find(ChunkId()), nullptr);
}

TEST_F(LocalChunksTest, ChunksThatRepeatAreFoundAtEachPlace) {
  const LocalChunks local = Of(std::string(1 << 20, '\0'));
  ASSERT_EQ(local.chunks().size(), 4u);
  EXPECT_EQ(local.Find(local.chunks()[3].id)->begin, 0u);
  EXPECT_TRUE(local.HasAt(local.chunks()[3].id, 3 << 18));
}

TEST_F(LocalChunksTest, NodesStandForTheirChunks) {
  const LocalChunks local = Of(Noise(40'000'000, 2));
  ASSERT_GE(local.levels(), 2);
  for (int level = 0; level < local.levels(); ++level) {
    uint64_t begin = 0;
    for (const LocalChunks::Node& node : local.NodesAt(level, 0, local.length_bytes())) {
      EXPECT_EQ(node.begin, begin);
      const auto beneath = local.Beneath(node.id);
      ASSERT_FALSE(beneath.empty());
      EXPECT_EQ(beneath.front().begin, node.begin);
      EXPECT_EQ(beneath.back().end(), node.end);
      EXPECT_EQ(IdOfNode(AsBytes(local.EncodingOf(level, node))), node.id);
      begin = node.end;
    }
    EXPECT_EQ(begin, local.length_bytes());
  }
  EXPECT_EQ(local.Beneath(local.root()).size(), local.chunks().size());
  EXPECT_TRUE(local.Beneath(NodeId()).empty());
}

TEST_F(LocalChunksTest, NodesAreFoundByTheirPlace) {
  const LocalChunks local = Of(Noise(40'000'000, 2));
  const auto all = local.NodesAt(0, 0, 40'000'000);
  ASSERT_GE(all.size(), 3u);
  const auto second = local.NodesAt(0, all[1].begin, all[1].end);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].id, all[1].id);
  EXPECT_EQ(local.NodesAt(0, all[1].begin - 1, all[1].end + 1).size(), 3u);
  EXPECT_TRUE(local.NodesAt(0, 40'000'000, 50'000'000).empty());
  EXPECT_TRUE(local.NodesAt(9, 0, 40'000'000).empty());
}

TEST_F(LocalChunksTest, AnEmptyFileHasNoChunks) {
  const LocalChunks local = Of("");
  EXPECT_TRUE(local.chunks().empty());
  EXPECT_EQ(local.length_bytes(), 0u);
}

}  // namespace
}  // namespace dray
