#include "client/upload_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "core/chunking/leaf_edit.h"
#include "core/chunking/node.h"
#include "core/chunking/sha256.h"

namespace dray {
namespace {

constexpr uint32_t kLength = 20'000;

// A file of `count` different chunks.
class UploadLedgerTest : public ::testing::Test {
 protected:
  explicit UploadLedgerTest(bool short_nodes = false) : ledger_(short_nodes) {}

  void OfferFile(int count) {
    uint64_t offset = 0;
    TreeBuilder builder([&](TreeBuilder::FinishedNode node) {
      const uint64_t length = node.node.length_bytes();
      const bool leaf = node.node.level == 0;
      if (leaf) leaves_.push_back(node.node);
      ledger_.Offer(std::move(node), offset);
      ++nodes_;
      if (leaf) offset += length;
    });
    for (int i = 0; i < count; ++i) {
      builder.Add(Sha256(AsBytes(std::to_string(i))).As<ChunkTag>(), kLength);
    }
    builder.Finish();
  }
  uint64_t Know(uint64_t answered, std::vector<uint64_t> unknown) {
    wire::v1::PutKnown known;
    known.set_answered(answered);
    known.mutable_unknown()->Add(unknown.begin(), unknown.end());
    return ledger_.OnKnown(known).value();
  }
  absl::StatusOr<uint64_t> Want(uint64_t ordinal, std::vector<uint32_t> missing) {
    wire::v1::PutWanted wanted;
    wanted.set_ordinal(ordinal);
    wanted.mutable_missing()->Add(missing.begin(), missing.end());
    return ledger_.OnWanted(wanted);
  }

  UploadLedger ledger_;
  std::vector<Node> leaves_;
  uint64_t nodes_ = 0;
};

TEST_F(UploadLedgerTest, KnownFileNeedsNothing) {
  OfferFile(1000);
  EXPECT_EQ(ledger_.unanswered_bytes(), 1000u * kLength);
  std::string ids;
  while (ledger_.has_offers()) ids += ledger_.TakeOffers().node_ids();
  EXPECT_EQ(ids.size(), nodes_ * kDigestBytes);
  EXPECT_FALSE(ledger_.settled());
  EXPECT_EQ(Know(nodes_, {}), 1000u * kLength);
  EXPECT_TRUE(ledger_.settled());
  EXPECT_EQ(ledger_.unanswered_bytes(), 0u);
}

TEST_F(UploadLedgerTest, WantedChunksLieWhereTheyShould) {
  OfferFile(1000);
  while (ledger_.has_offers()) ledger_.TakeOffers();
  ASSERT_GE(leaves_.size(), 3u);
  Know(nodes_, {1, nodes_ - 1});  // the second leaf and the root
  EXPECT_EQ(ledger_.TakeNode()->ordinal(), 1u);
  EXPECT_EQ(ledger_.TakeNode()->ordinal(), nodes_ - 1);
  EXPECT_FALSE(ledger_.TakeNode().has_value());
  const uint64_t leaf_bytes = leaves_[1].length_bytes();
  EXPECT_EQ(*Want(1, {2, 5}), leaf_bytes - 2 * kLength);
  const auto* chunk = ledger_.NextChunk();
  ASSERT_NE(chunk, nullptr);
  EXPECT_EQ(chunk->id, leaves_[1].entries[2].chunk());
  EXPECT_EQ(chunk->offset_bytes, leaves_[0].length_bytes() + 2 * kLength);
  ledger_.PopChunk();
  EXPECT_EQ(ledger_.NextChunk()->offset_bytes, leaves_[0].length_bytes() + 5 * kLength);
  EXPECT_EQ(ledger_.wanted_bytes(), kLength);
  ledger_.PopChunk();
  EXPECT_TRUE(ledger_.settled()) << "nodes above the leaves are not waited for";
}

TEST_F(UploadLedgerTest, RefusesAnswersThatFitNothing) {
  OfferFile(100);
  while (ledger_.has_offers()) ledger_.TakeOffers();
  wire::v1::PutKnown too_far;
  too_far.set_answered(nodes_ + 1);
  EXPECT_EQ(ledger_.OnKnown(too_far).status().code(), absl::StatusCode::kInternal);
  wire::v1::PutKnown beyond;
  beyond.set_answered(1);
  beyond.add_unknown(1);
  EXPECT_EQ(ledger_.OnKnown(beyond).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Want(0, {0}).status().code(), absl::StatusCode::kInternal) << "it was not sent";
}

TEST_F(UploadLedgerTest, RefusesWantedIndicesOutOfRangeOrOrder) {
  for (const std::vector<uint32_t>& bad : {std::vector<uint32_t>{4000}, {3, 3}, {3, 2}}) {
    ledger_ = UploadLedger();
    leaves_.clear();
    nodes_ = 0;
    OfferFile(100);
    Know(1, {0});
    ledger_.TakeNode();
    EXPECT_EQ(Want(0, bad).status().code(), absl::StatusCode::kInternal);
  }
}

TEST_F(UploadLedgerTest, NeighboursShareABase) {
  OfferFile(100);
  Know(1, {0});
  ledger_.TakeNode();
  wire::v1::PutWanted wanted;
  for (uint32_t index : {2, 5, 6}) wanted.add_missing(index);
  wire::v1::PutBase* const base = wanted.add_bases();
  base->set_first(1);
  base->set_count(2);
  base->set_block_bytes(512);
  ASSERT_TRUE(ledger_.OnWanted(wanted).ok());
  EXPECT_EQ(ledger_.NextChunk()->base, nullptr);
  ledger_.PopChunk();
  EXPECT_EQ(ledger_.NextChunk()->index, 5u);
  const auto first = ledger_.NextChunk()->base;
  ASSERT_NE(first, nullptr);
  ledger_.PopChunk();
  EXPECT_EQ(ledger_.NextChunk()->base, first);
}

TEST_F(UploadLedgerTest, RefusesBasesOutOfRangeOrOrder) {
  using Range = std::pair<uint32_t, uint32_t>;
  for (const std::vector<Range>& bad :
       {std::vector<Range>{{0, 3}}, {{3, 1}}, {{1, 0xFFFFFFFF}}, {{0, 2}, {1, 1}}}) {
    ledger_ = UploadLedger();
    leaves_.clear();
    nodes_ = 0;
    OfferFile(100);
    Know(1, {0});
    ledger_.TakeNode();
    wire::v1::PutWanted wanted;
    wanted.add_missing(2);
    wanted.add_missing(3);
    for (const auto& [first, count] : bad) {
      wire::v1::PutBase* const base = wanted.add_bases();
      base->set_first(first);
      base->set_count(count);
    }
    EXPECT_EQ(ledger_.OnWanted(wanted).status().code(), absl::StatusCode::kInternal);
  }
}

TEST_F(UploadLedgerTest, AChunkWhoseDeltaFailedIsWantedWhole) {
  OfferFile(100);
  while (ledger_.has_offers()) ledger_.TakeOffers();
  Know(nodes_, {0});
  ledger_.TakeNode();
  ASSERT_TRUE(Want(0, {2, 5}).ok());
  for (uint64_t sent : {1000, 2000}) {
    const UploadLedger::WantedChunk chunk = *ledger_.NextChunk();
    ledger_.PopChunk();
    ledger_.DeltaSent(chunk, sent);
  }
  ledger_.OnStored(1000);
  wire::v1::PutAgain again;
  again.set_index(2);
  EXPECT_EQ(ledger_.OnAgain(again).code(), absl::StatusCode::kInternal) << "it is stored";
  again.set_index(5);
  EXPECT_TRUE(ledger_.settled());
  ASSERT_TRUE(ledger_.OnAgain(again).ok());
  EXPECT_FALSE(ledger_.settled());
  EXPECT_EQ(ledger_.NextChunk()->id, leaves_[0].entries[5].chunk());
  EXPECT_EQ(ledger_.NextChunk()->base, nullptr);
  EXPECT_EQ(ledger_.wanted_bytes(), kLength);
  EXPECT_EQ(ledger_.OnAgain(again).code(), absl::StatusCode::kInternal) << "once only";
}

class ShortNodesTest : public UploadLedgerTest {
 protected:
  ShortNodesTest() : UploadLedgerTest(true) {}
};

TEST_F(ShortNodesTest, OffersSayHowMuchEachNodeStandsFor) {
  OfferFile(1000);
  std::vector<uint64_t> shapes;
  while (ledger_.has_offers()) {
    const wire::v1::PutOffer offer = ledger_.TakeOffers();
    shapes.insert(shapes.end(), offer.shapes().begin(), offer.shapes().end());
  }
  ASSERT_EQ(shapes.size(), nodes_);
  EXPECT_EQ(shapes.front(), leaves_[0].length_bytes() * 16);
  EXPECT_EQ(shapes.back(), 1000ull * kLength * 16 + 1);
}

TEST_F(ShortNodesTest, ALeafIsToldByWhatIsNewInItAndANodeByItsChildren) {
  OfferFile(1000);
  while (ledger_.has_offers()) ledger_.TakeOffers();
  wire::v1::PutKnown known;
  known.set_answered(nodes_);
  known.add_unknown(1);
  known.add_unknown(nodes_ - 1);
  wire::v1::PutOld* const old = known.add_olds();
  old->set_ordinal(1);
  Node before = leaves_[1];
  before.entries[3].id = Sha256(AsBytes("another"));
  old->set_short_ids(ShortIds(EncodeNode(before).substr(kNodeHeadBytes)));
  ASSERT_TRUE(ledger_.OnKnown(known).ok());
  const auto leaf = ledger_.TakeNode();
  EXPECT_TRUE(leaf->encoding().empty());
  EXPECT_EQ(leaf->edit().entries().size(), kLeafEntryBytes);
  const auto root = ledger_.TakeNode();
  EXPECT_EQ(root->children_size(), static_cast<int>(leaves_.size()));
  EXPECT_EQ(root->children(0), 0u);
  EXPECT_EQ(root->children(1), 1u);
  EXPECT_EQ(*Want(1, {3}), leaves_[1].length_bytes() - kLength);
  EXPECT_EQ(ledger_.NextChunk()->id, leaves_[1].entries[3].chunk());
}

TEST_F(ShortNodesTest, ALeafOfNothingOldIsToldByAllItsEntries) {
  OfferFile(10);
  while (ledger_.has_offers()) ledger_.TakeOffers();
  wire::v1::PutKnown known;
  known.set_answered(1);
  known.add_unknown(0);
  wire::v1::PutOld* const old = known.add_olds();
  old->set_short_ids("12345678");
  ASSERT_TRUE(ledger_.OnKnown(known).ok());
  const auto node = ledger_.TakeNode();
  EXPECT_TRUE(node->edit().entries() == EncodeNode(leaves_[0]).substr(kNodeHeadBytes));
}

TEST_F(ShortNodesTest, OldEntriesOfWhatIsNoUnknownLeafBreakTheProtocol) {
  OfferFile(1000);
  wire::v1::PutKnown known;
  known.set_answered(nodes_);
  known.add_unknown(nodes_ - 1);
  known.add_olds()->set_ordinal(nodes_ - 1);
  EXPECT_EQ(ledger_.OnKnown(known).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace dray
