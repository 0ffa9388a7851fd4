#include "client/sibling_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "client/testing/scratch_tree.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"

namespace dray {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Noise;
using testing::ScratchTree;

class SiblingFilesTest : public ::testing::Test {
 protected:
  // The sizes of the siblings of a file that is to come, best first.
  std::vector<uint64_t> SizesFor(const std::string& name, uint64_t size,
                                 absl::Time before = absl::InfiniteFuture()) {
    RemoteFile file;
    file.base = std::make_shared<const BeneathFolder>(*BeneathFolder::Open(tree_.Path("")));
    file.name = name;
    file.version.mutable_metadata()->set_size(size);
    std::vector<uint64_t> sizes;
    for (const Sibling& sibling : FindSiblings(file, before)) sizes.push_back(sibling.size_bytes);
    return sizes;
  }

  ScratchTree tree_;
};

TEST(NameLikeness, CountsWhatNamesShareAtTheirEnds) {
  EXPECT_EQ(NameLikeness("same", "same"), 1);
  EXPECT_EQ(NameLikeness("abc", "xyz"), 0);
  EXPECT_GT(NameLikeness("disk-1.image", "disk-2.image"), 0.9);
  EXPECT_LT(NameLikeness("disk-1.image", "notes.txt"), 0.2);
  EXPECT_EQ(NameLikeness("aaa", "aaaaaa"), 0.5);
  EXPECT_EQ(NameLikeness("", "a"), 0);
}

TEST_F(SiblingFilesTest, TheMostAlikeComeFirst) {
  tree_.Write("disk-2.image", std::string(1001, 'a'));
  tree_.Write("disk-11.image", std::string(1002, 'a'));
  tree_.Write("other.image", std::string(1003, 'a'));
  tree_.Write("renamed", std::string(1000, 'a'));
  tree_.Write("notes.txt", std::string(1005, 'a'));
  EXPECT_THAT(SizesFor("disk-1.image", 1000), ElementsAre(1000, 1002, 1001, 1003));
}

TEST_F(SiblingFilesTest, WhatIsNoSourceIsNone) {
  tree_.Write("a1.image", "");
  tree_.Write("a2.image", std::string(10'000, 'a'));
  tree_.Write("a3.image", std::string(100, 'a'));
  tree_.Write("a.image", std::string(1000, 'a'));
  tree_.Write(".a5.image.dray-part", std::string(1000, 'a'));
  tree_.MakeFolder("a4.image");
  tree_.MakeLink("a6.image", "a.image");
  EXPECT_THAT(SizesFor("a.image", 1000), IsEmpty());
}

TEST_F(SiblingFilesTest, WhatWasWrittenSinceIsNone) {
  tree_.Write("a1", std::string(1000, 'a'));
  EXPECT_THAT(SizesFor("a2", 1000, absl::Now() - absl::Hours(1)), IsEmpty());
  EXPECT_THAT(SizesFor("a2", 1000, absl::Now() + absl::Hours(1)), ElementsAre(1000));
}

TEST_F(SiblingFilesTest, AFolderOfManyIsNotLookedThrough) {
  for (int i = 0; i < 5000; ++i) tree_.Write(std::to_string(i), "1234567890");
  EXPECT_THAT(SizesFor("file", 10), IsEmpty());
}

TEST_F(SiblingFilesTest, AFewPiecesTellWhetherChunksAreShared) {
  const std::string contents = Noise(20'000'000, 1);
  tree_.Write("like", Noise(9'000'000, 2) + contents.substr(9'000'000));
  tree_.Write("unlike", Noise(20'000'000, 3));
  absl::flat_hash_set<ChunkId> wanted;
  for (Bytes rest = AsBytes(contents); !rest.empty();) {
    const Bytes chunk = rest.first(CutChunk(rest));
    wanted.insert(Sha256(chunk).As<ChunkTag>());
    rest.remove_prefix(chunk.size());
  }
  const auto shares = [&](const std::string& name) {
    return SharesChunks({*OpenFile(tree_.Path(name), 0), 20'000'000}, wanted);
  };
  EXPECT_TRUE(shares("like"));
  EXPECT_FALSE(shares("unlike"));
}

}  // namespace
}  // namespace dray
