// Which old chunks are told as bases of missing ones, over a real connection.
#include <numeric>

#include "services/delta/engine/service_fixture.h"

namespace dray::delta {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class BasesTest : public DeltaServiceTest {
 protected:
  void SetUp() override {
    std::iota(numbers_.begin(), numbers_.end(), 0);
    ASSERT_TRUE(Put("file", MakeTestFile(numbers_)).ok());
  }

  struct Found {
    std::vector<uint32_t> missing;  // of the last leaf that has any
    std::vector<v1::CompareResponse::Base> bases;
  };
  // Offers the file of these chunks against the newest version of `path`.
  Found Search(const std::vector<uint64_t>& numbers, const std::string& path = "file") {
    const TestFile file = MakeTestFile(numbers);
    CompareStream stream(*stub_);
    std::vector<NodeId> ids;
    std::vector<uint64_t> shapes;
    for (const auto& node : file.nodes) {
      ids.push_back(node.id);
      shapes.push_back(node.node.length_bytes() * 16 + node.node.level);
    }
    Found found;
    const auto known = stream.Offer(ids, path, shapes);
    for (uint64_t ordinal : known.unknown()) {
      const auto missing = stream.Tell(ordinal, file.nodes[ordinal].encoding);
      if (!missing.empty()) found = {missing, stream.bases()};
    }
    return found;
  }

  static std::vector<std::string> IdsOf(const v1::CompareResponse::Base& base) {
    std::vector<std::string> ids;
    for (const auto& chunk : base.chunks()) ids.push_back(chunk.id());
    return ids;
  }
  // Indices of the chunks with which leaves begin.
  static std::vector<size_t> LeafBegins(const TestFile& file) {
    std::vector<size_t> begins = {0};
    for (const auto& node : file.nodes) {
      if (node.node.level == 0) begins.push_back(begins.back() + node.node.entries.size());
    }
    return begins;
  }
  static std::string Id(uint64_t number) { return std::string(TestChunkId(number).view()); }

  std::vector<uint64_t> numbers_ = std::vector<uint64_t>(3000);
};

TEST_F(BasesTest, AChangedChunkHasTheOneBetweenTheSameNeighbours) {
  numbers_[1500] = 77777;
  const Found found = Search(numbers_);
  ASSERT_THAT(found.missing, SizeIs(1));
  ASSERT_THAT(found.bases, SizeIs(1));
  EXPECT_EQ(found.bases[0].first(), 0u);
  EXPECT_EQ(found.bases[0].count(), 1u);
  EXPECT_THAT(IdsOf(found.bases[0]), ElementsAre(Id(1500)));
  EXPECT_EQ(found.bases[0].chunks(0).offset(), TestChunk(1500).offset);
}

TEST_F(BasesTest, ItemsOfABatchHaveBasesIfTheyAreWanted) {
  const std::vector<uint64_t> before = numbers_;
  numbers_[10] = 77777;
  numbers_[2500] = 88888;
  v1::CommitBatchRequest request;
  request.set_bases(true);
  for (const char* path : {"file", "new name"}) {
    *request.add_items() = BatchItem(path, MakeTestFile(numbers_));
  }
  v1::CommitBatchResponse response = CommitBatch(request);
  ASSERT_THAT(response.answers(), SizeIs(2));
  EXPECT_THAT(response.answers(0).missing(), ElementsAre(10, 2500));
  ASSERT_THAT(response.answers(0).bases(), SizeIs(2));
  for (int i = 0; i < 2; ++i) {
    const auto& base = response.answers(0).bases(i);
    EXPECT_EQ(base.first(), static_cast<uint32_t>(i));
    EXPECT_EQ(base.count(), 1u);
    EXPECT_THAT(IdsOf(base), ElementsAre(Id(i == 0 ? 10 : 2500)));
  }
  EXPECT_THAT(response.answers(1).missing(), ElementsAre(10, 2500));
  EXPECT_THAT(response.answers(1).bases(), IsEmpty());
  request.set_bases(false);
  response = CommitBatch(request);
  EXPECT_THAT(response.answers(0).bases(), IsEmpty());
}

// An uploader sends some of an item's chunks as deltas, and others beside them.
TEST_F(BasesTest, BasesAreTheSameWhereSomeOfTheChunksHaveCome) {
  numbers_[10] = 77777;
  numbers_[11] = 77778;
  v1::CommitBatchRequest request;
  request.set_bases(true);
  *request.add_items() = BatchItem("file", MakeTestFile(numbers_));
  const v1::CommitBatchResponse before = CommitBatch(request);
  ASSERT_THAT(before.answers(0).bases(), SizeIs(1));
  EXPECT_THAT(IdsOf(before.answers(0).bases(0)), ElementsAre(Id(10), Id(11)));
  SetChunk(TestChunk(77777), request.add_chunks());
  const v1::CommitBatchResponse after = CommitBatch(request);
  EXPECT_THAT(after.answers(0).missing(), ElementsAre(11));
  ASSERT_THAT(after.answers(0).bases(), SizeIs(1));
  EXPECT_EQ(after.answers(0).bases(0).first(), 0u);
  EXPECT_EQ(after.answers(0).bases(0).count(), 1u);
  EXPECT_THAT(IdsOf(after.answers(0).bases(0)), ElementsAre(Id(10), Id(11)));
}

TEST_F(BasesTest, NeighboursThatChangedTogetherShareABase) {
  numbers_[1500] = 77777;
  numbers_[1501] = 77778;
  const Found found = Search(numbers_);
  ASSERT_THAT(found.bases, SizeIs(1));
  EXPECT_EQ(found.bases[0].count(), 2u);
  EXPECT_THAT(IdsOf(found.bases[0]), ElementsAre(Id(1500), Id(1501)));
}

TEST_F(BasesTest, WhatMovedBecauseOfAnInsertionIsFound) {
  numbers_[1500] = 77777;
  numbers_.insert(numbers_.begin(), {88888, 88889});
  const Found found = Search(numbers_);
  ASSERT_THAT(found.bases, SizeIs(1));
  EXPECT_THAT(IdsOf(found.bases[0]), ElementsAre(Id(1500)));
}

TEST_F(BasesTest, TheFirstChunkAndTheLastHaveBasesToo) {
  std::vector<uint64_t> first = numbers_;
  first[0] = 77777;
  Found found = Search(first);
  ASSERT_THAT(found.bases, SizeIs(1));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(0)));
  std::vector<uint64_t> last = numbers_;
  last.back() = 77777;
  found = Search(last);
  ASSERT_THAT(found.bases, SizeIs(1));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(2999)));
}

TEST_F(BasesTest, WhatIsInsertedBetweenNeighboursHasNone) {
  numbers_.insert(numbers_.begin() + 1500, 77777);
  const Found found = Search(numbers_);
  EXPECT_THAT(found.missing, SizeIs(1));
  EXPECT_THAT(found.bases, IsEmpty());
}

// Every chunk is another one of those that came into the catalog one after the other.
TEST_F(BasesTest, WhereAMiddleWasCutOutBothEndsOfItAreTheBase) {
  numbers_.erase(numbers_.begin() + 1500, numbers_.begin() + 1560);
  numbers_[1500] = 77777;  // the seam: it replaces 1560
  const Found found = Search(numbers_);
  ASSERT_THAT(found.bases, SizeIs(1));
  EXPECT_EQ(found.bases[0].count(), 1u);
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(1500)));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(1560)));
}

TEST_F(BasesTest, WhereFarPartsWereSwappedWhatTheyWereCutFromIsTheBase) {
  std::vector<uint64_t> swapped(numbers_.begin(), numbers_.begin() + 500);
  swapped.push_back(77777);
  swapped.insert(swapped.end(), numbers_.begin() + 2000, numbers_.begin() + 2500);
  const Found found = Search(swapped);
  ASSERT_THAT(found.bases, SizeIs(1));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(500)));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(1999)));
}

// The catalog has the old version's chunks in another order than the file.
TEST_F(BasesTest, FarPartsAreFoundWhereTheyLayInTheOldVersion) {
  for (uint64_t& number : numbers_) number += 200'000;
  std::vector<uint64_t> mixed = numbers_;
  for (size_t i = 0; i < mixed.size(); ++i) std::swap(mixed[i], mixed[i * 7919 % mixed.size()]);
  ASSERT_TRUE(Put("mixed", MakeTestFile(mixed)).ok());
  ASSERT_TRUE(Put("old", MakeTestFile(numbers_)).ok());
  std::vector<uint64_t> swapped(numbers_.begin(), numbers_.begin() + 500);
  swapped.push_back(77777);
  swapped.insert(swapped.end(), numbers_.begin() + 2000, numbers_.begin() + 2500);
  swapped.push_back(77778);
  swapped.insert(swapped.end(), numbers_.begin() + 1000, numbers_.begin() + 1200);
  const Found last = Search(swapped, "old");
  ASSERT_THAT(last.bases, SizeIs(1));
  EXPECT_THAT(IdsOf(last.bases[0]), testing::Contains(Id(202'500)));
  EXPECT_THAT(IdsOf(last.bases[0]), testing::Contains(Id(200'999)));
  swapped.resize(1001);
  const Found first = Search(swapped, "old");
  ASSERT_THAT(first.bases, SizeIs(1));
  EXPECT_THAT(IdsOf(first.bases[0]), testing::Contains(Id(200'500)));
  EXPECT_THAT(IdsOf(first.bases[0]), testing::Contains(Id(201'999)));
}

// It takes some chunks until cuts fall where they fell before.
TEST_F(BasesTest, ALongSeamHasWhatFollowedTheLeftAndWhatPrecededTheRight) {
  std::vector<uint64_t> swapped(numbers_.begin(), numbers_.begin() + 500);
  for (uint64_t number = 0; number < 9; ++number) swapped.push_back(350'000 + number);
  swapped.insert(swapped.end(), numbers_.begin() + 2000, numbers_.begin() + 2500);
  const Found found = Search(swapped);
  ASSERT_THAT(found.bases, SizeIs(3));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(500)));
  EXPECT_THAT(IdsOf(found.bases[2]), testing::Contains(Id(1999)));
  uint32_t next = 0;
  for (const auto& base : found.bases) {
    EXPECT_EQ(base.first(), next);
    next += base.count();
  }
  EXPECT_EQ(next, 9u);
}

TEST_F(BasesTest, TheNeighbourOfASeamMayBeInTheLeafBeforeOrBehindIt) {
  const std::vector<size_t> begins = LeafBegins(MakeTestFile(numbers_));
  ASSERT_GT(begins.size(), 20u);
  const size_t left = begins[4];
  const size_t right = begins[15];
  // A seam that ends its leaf, so that what is behind it is a leaf of the old version.
  std::vector<uint64_t> swapped;
  for (uint64_t seam = 400'000;; ++seam) {
    swapped.assign(numbers_.begin(), numbers_.begin() + left + 20);
    swapped.push_back(seam);
    swapped.insert(swapped.end(), numbers_.begin() + right, numbers_.end());
    if (testing::Value(LeafBegins(MakeTestFile(swapped)), testing::Contains(left + 21))) break;
  }
  Found found = Search(swapped);
  ASSERT_THAT(found.bases, SizeIs(1));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(left + 20)));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(right - 1)));
  // One that begins its leaf: what is before it is a leaf of the old version.
  swapped.assign(numbers_.begin(), numbers_.begin() + left);
  swapped.push_back(77777);
  swapped.insert(swapped.end(), numbers_.begin() + right + 5, numbers_.end());
  found = Search(swapped);
  ASSERT_THAT(found.bases, SizeIs(1));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(left)));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(right + 4)));
}

// Of an upload that was cut off all but a few chunks arrived, and none of them is of the old
// version.
TEST_F(BasesTest, WhatAnInterruptedUploadLacksHasTheBytesAtTheSamePlace) {
  for (uint64_t& number : numbers_) number += 100'000;  // of the same length
  std::vector<uint64_t> arrived = numbers_;
  arrived.erase(arrived.begin() + 1500);
  ASSERT_TRUE(Put("arrived", MakeTestFile(arrived)).ok());
  const Found found = Search(numbers_);
  ASSERT_THAT(found.missing, SizeIs(1));
  ASSERT_THAT(found.bases, SizeIs(1));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Contains(Id(1500)));
  EXPECT_THAT(IdsOf(found.bases[0]), testing::Not(testing::Contains(Id(101'499))));
}

TEST_F(BasesTest, BasesAreBounded) {
  for (size_t i = 1000; i < 1400; ++i) numbers_[i] = 70'000 + i;
  const TestFile file = MakeTestFile(numbers_);
  CompareStream stream(*stub_);
  std::vector<NodeId> ids;
  for (const auto& node : file.nodes) ids.push_back(node.id);
  const auto known = stream.Offer(ids, "file");
  for (uint64_t ordinal : known.unknown()) {
    const auto missing = stream.Tell(ordinal, file.nodes[ordinal].encoding);
    uint32_t next = 0;
    for (const auto& base : stream.bases()) {
      EXPECT_GE(base.first(), next);
      next = base.first() + base.count();
      uint64_t bytes = 0;
      for (const auto& chunk : base.chunks()) bytes += chunk.length();
      EXPECT_LE(bytes, 512u << 10);
    }
    EXPECT_LE(next, missing.size());
  }
}

TEST_F(BasesTest, WithoutAPathOrAVersionThereAreNone) {
  numbers_[1500] = 77777;
  EXPECT_THAT(Search(numbers_, "").bases, IsEmpty());
  EXPECT_THAT(Search(numbers_, "another").bases, IsEmpty());
  EXPECT_THAT(Search(numbers_, "no//path").bases, IsEmpty());
}

// Old entries of unknown leaves, told to whoever says how long his nodes are.
class OldEntriesTest : public BasesTest {
 protected:
  static v1::CompareResponse::Known OfferShaped(CompareStream* stream, const TestFile& file,
                                                uint64_t factor = 1) {
    std::vector<NodeId> ids;
    std::vector<uint64_t> shapes;
    for (const auto& node : file.nodes) {
      ids.push_back(node.id);
      shapes.push_back(factor * node.node.length_bytes() * 16 + node.node.level);
    }
    return stream->Offer(ids, "file", shapes);
  }
};

TEST_F(OldEntriesTest, AnUnknownLeafHasThoseThatLayThere) {
  const TestFile before = MakeTestFile(numbers_);
  numbers_[1500] = 77777;
  const TestFile after = MakeTestFile(numbers_);
  CompareStream stream(*stub_);
  const auto known = OfferShaped(&stream, after);
  ASSERT_EQ(known.olds_size(), 1);
  const auto& old = known.olds(0);
  EXPECT_THAT(known.unknown(), testing::Contains(old.ordinal()));
  EXPECT_EQ(after.nodes[old.ordinal()].node.level, 0);
  // The same cuts: all entries of the leaf before, and what the new one is longer by.
  const std::string entries = before.nodes[old.ordinal()].encoding.substr(kNodeHeadBytes);
  EXPECT_TRUE(old.entries().starts_with(entries));
  EXPECT_LE(old.entries().size(), entries.size() + 8 * kLeafEntryBytes);
}

TEST_F(OldEntriesTest, NoneWithoutAPathOrAnOldVersionOrShapes) {
  numbers_[1500] = 77777;
  EXPECT_EQ(CompareStream(*stub_).Offer({MakeTestFile(numbers_).root}, "file").olds_size(), 0);
  EXPECT_EQ(CompareStream(*stub_).Offer({MakeTestFile({1}).root}, "new", {16}).olds_size(), 0);
  EXPECT_EQ(CompareStream(*stub_).Offer({MakeTestFile({1}).root}, "", {16}).olds_size(), 0);
}

TEST_F(OldEntriesTest, LengthsThatAreNotTrueHarmNobody) {
  for (size_t i = 0; i < numbers_.size(); i += 10) numbers_[i] = 100'000 + i;
  const TestFile after = MakeTestFile(numbers_);
  CompareStream stream(*stub_);
  const auto known = OfferShaped(&stream, after, uint64_t{1} << 30);
  for (const auto& old : known.olds()) EXPECT_LE(old.entries().size(), 256 * kLeafEntryBytes);
  for (const uint64_t ordinal : known.unknown()) {
    stream.Tell(ordinal, after.nodes[ordinal].encoding);
  }
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(OldEntriesTest, AsManyShapesAsNodes) {
  CompareStream stream(*stub_);
  stream.Offer({MakeTestFile({1}).root}, "file", {16, 16});
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace dray::delta
