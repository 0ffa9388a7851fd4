// What a collection removes, and what it must leave.
#include "services/delta/collection/collector.h"

#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "core/database/database.h"
#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

class CollectorTest : public ::testing::Test {
 protected:
  Collected Collect() {
    absl::StatusOr<Collected> result = absl::UnknownError("not run");
    absl::Notification done;
    collector_.Collect([&](const absl::StatusOr<Collected>& collected) {
      result = collected;
      done.Notify();
    });
    done.WaitForNotification();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.value_or(Collected());
  }
  void Write(absl::FunctionRef<absl::Status(CatalogTransaction&)> job) {
    const absl::Status status = WriteAndWait(*catalog_, job);
    EXPECT_TRUE(status.ok()) << status;
  }
  void Add(const TestFile& file) {
    Write([&](CatalogTransaction& transaction) { return AddTestFile(transaction, file); });
  }
  // A version of `file` that is called `name`.
  void Name(const std::string& name, const TestFile& file) {
    Write([&](CatalogTransaction& transaction) -> absl::Status {
      DRAY_ASSIGN_OR_RETURN(const EntryId entry, transaction.AddEntry(kTopEntry, name));
      VersionRecord version{.number = 1, .metadata = {.size = file.size}, .root = file.root};
      version.committed_ns = 1;
      return transaction.AddVersion(entry, version);
    });
  }
  bool Has(const ChunkId& id) {
    bool has = false;
    ReadAndWait(*catalog_, [&](CatalogView& view) {
      const auto chunk = view.FindChunk(id);
      EXPECT_TRUE(chunk.ok()) << chunk.status();
      has = chunk.ok() && chunk->has_value() && !(*chunk)->condemned;
    });
    return has;
  }
  bool HasNode(const NodeId& id) {
    bool has = false;
    ReadAndWait(*catalog_, [&](CatalogView& view) {
      const auto node = view.FindNode(id);
      EXPECT_TRUE(node.ok()) << node.status();
      has = node.ok() && node->has_value() && !(*node)->condemned;
    });
    return has;
  }
  uint64_t StoredBytes() {
    uint64_t bytes = 0;
    ReadAndWait(*catalog_, [&](CatalogView& view) {
      const auto uses = view.ReadSegmentUses(SegmentId{0}, 1000);
      ASSERT_TRUE(uses.ok()) << uses.status();
      for (const SegmentUse& use : *uses) bytes += use.stored_bytes;
    });
    return bytes;
  }

  const std::string file_ = NewTestFolder() + "/catalog.db";
  std::unique_ptr<Catalog> catalog_ = OpenTestCatalog(file_);
  Leases calls_;
  Collector collector_{{.patience = absl::Milliseconds(200)}, catalog_.get(), &calls_};
};

TEST_F(CollectorTest, WhatNothingRefersToGoesThroughAllLevels) {
  const TestFile kept = MakeTestFile(0, 2000);
  Add(kept);
  Name("kept", kept);
  const uint64_t bytes = StoredBytes();
  const TestFile gone = MakeTestFile(10'000, 70'000);  // a tree of three levels
  Add(gone);
  const Collected collected = Collect();
  EXPECT_EQ(collected.chunks, gone.chunks.size());
  EXPECT_EQ(collected.nodes, gone.nodes.size());
  EXPECT_EQ(StoredBytes(), bytes);
  EXPECT_FALSE(Has(TestChunkId(10'000)));
  for (uint64_t i = 0; i < 2000; i += 100) EXPECT_TRUE(Has(TestChunkId(i)));
  EXPECT_EQ(catalog_->Counts().chunks, 2000u);
  EXPECT_EQ(catalog_->Counts().nodes, kept.nodes.size());
  ExpectConsistent(*catalog_);
  EXPECT_EQ(Collect().chunks, 0u);
}

TEST_F(CollectorTest, WhatIsSharedStays) {
  std::vector<uint64_t> numbers(3000);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  const TestFile before = MakeTestFile(numbers);
  numbers[1500] = 99'999;
  const TestFile after = MakeTestFile(numbers);
  Add(before);
  Add(after);
  Name("file", after);
  const Collected collected = Collect();
  EXPECT_EQ(collected.chunks, 1u);
  EXPECT_FALSE(Has(TestChunkId(1500)));
  EXPECT_TRUE(Has(TestChunkId(1499)));
  ExpectConsistent(*catalog_);
}

TEST_F(CollectorTest, ACallThatWasToldOfItKeepsItUntilItEnds) {
  Leases::Lease call = calls_.Begin();
  const TestFile file = MakeTestFile(0, 10);
  Add(file);
  Collected collected = Collect();
  EXPECT_EQ(collected.chunks, 0u);
  EXPECT_EQ(collected.waits_for, 1u);
  // Who comes later is told that it is missing, and does not hold it up.
  EXPECT_FALSE(HasNode(file.root));
  const Leases::Lease later = calls_.Begin();
  call.End();
  collected = Collect();
  EXPECT_EQ(collected.nodes, 1u);
  // The node's chunks had a reference until now: for them the later one counts.
  EXPECT_EQ(collected.waits_for, 1u);
}

TEST_F(CollectorTest, WhatIsReferredToAgainInTimeStays) {
  Leases::Lease call = calls_.Begin();
  const TestFile file = MakeTestFile(0, 10);
  Add(file);
  EXPECT_EQ(Collect().waits_for, 1u);
  EXPECT_FALSE(HasNode(file.root));
  Name("file", file);  // the one that was told of it before
  call.End();
  EXPECT_EQ(Collect().chunks, 0u);
  EXPECT_TRUE(Has(TestChunkId(3)));
  ExpectConsistent(*catalog_);
}

TEST_F(CollectorTest, AChunkThatComesAgainIsCondemnedNoLonger) {
  const Leases::Lease call = calls_.Begin();
  Write([](CatalogTransaction& transaction) { return transaction.AddChunk(TestChunk(7)); });
  EXPECT_EQ(Collect().waits_for, 1u);
  EXPECT_FALSE(Has(TestChunkId(7)));
  Write([](CatalogTransaction& transaction) { return transaction.AddChunk(TestChunk(7)); });
  EXPECT_TRUE(Has(TestChunkId(7)));
}

TEST_F(CollectorTest, WhatWasCondemnedBeforeAStartGoesAfterIt) {
  Add(MakeTestFile(0, 10));
  for (const Garbage kind : {Garbage::kNodes, Garbage::kChunks}) {
    Write(
        [kind](CatalogTransaction& transaction) { return transaction.Condemn(kind, 1).status(); });
  }
  EXPECT_EQ(Collect().chunks, 10u);
  ExpectConsistent(*catalog_);
}

TEST_F(CollectorTest, ACountThatIsWrongOnTheDiskCostsNoData) {
  const TestFile file = MakeTestFile(0, 2000);
  Add(file);
  Name("file", file);
  Add(MakeTestFile(5'000, 10));  // garbage, which goes all the same
  {
    auto database = Database::Open(file_, Database::Mode::kReadWrite);
    ASSERT_TRUE(database.ok()) << database.status();
    ASSERT_TRUE((*database)
                    ->Execute("UPDATE chunks SET refs=0 WHERE num=7;"
                              "UPDATE nodes SET refs=0 WHERE num<=2;"
                              "UPDATE nodes SET refs=0 WHERE id=(SELECT root FROM versions "
                              "WHERE root IS NOT NULL);")
                    .ok());
  }
  const Collected collected = Collect();
  EXPECT_EQ(collected.chunks, 10u);
  EXPECT_EQ(collected.nodes, 1u);
  uint64_t nodes = 0;
  ReadAndWait(*catalog_, [&](CatalogView& view) {
    for (const auto& node : file.nodes) nodes += view.ReadNode(node.id).ok() ? 1 : 0;
    EXPECT_TRUE(view.FindChunk(TestChunkId(6)).value().has_value());
  });
  EXPECT_EQ(nodes, file.nodes.size());
  EXPECT_EQ(Collect().nodes, 0u);
}

TEST_F(CollectorTest, SegmentsAreRetiredOnlyWithoutChunksAndThenTakeNone) {
  const StoredChunk chunk = TestChunk(1);
  const auto retire = [&](SegmentId id) {
    bool retired = false;
    Write([&](CatalogTransaction& transaction) -> absl::Status {
      DRAY_ASSIGN_OR_RETURN(retired, transaction.RetireSegment(id));
      return absl::OkStatus();
    });
    return retired;
  };
  Write([&](CatalogTransaction& transaction) { return transaction.AddChunk(chunk); });
  EXPECT_FALSE(retire(chunk.segment));
  const SegmentId elsewhere{1'000'000};
  bool moved = false;
  Write([&](CatalogTransaction& transaction) -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(moved, transaction.MoveChunk(chunk, elsewhere, 16));
    return absl::OkStatus();
  });
  EXPECT_TRUE(moved);
  Write([&](CatalogTransaction& transaction) -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(moved, transaction.MoveChunk(chunk, SegmentId{2'000'000}, 16));
    return absl::OkStatus();
  });
  EXPECT_FALSE(moved) << "it does not lie there any more";
  EXPECT_TRUE(retire(chunk.segment));
  EXPECT_TRUE(retire(chunk.segment)) << "asked again";
  StoredChunk late = TestChunk(2);
  late.segment = chunk.segment;
  EXPECT_THAT(
      WriteAndWait(*catalog_,
                   [&](CatalogTransaction& transaction) { return transaction.AddChunk(late); }),
      HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(retire(elsewhere));
  ExpectConsistent(*catalog_);
}

}  // namespace
}  // namespace dray::delta
