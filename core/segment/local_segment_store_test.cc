#include "core/segment/local_segment_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/segment/testing/store_test_support.h"
#include "core/segment/testing/test_records.h"

namespace dray {
namespace {

TEST(LocalSegmentStore, WhatIsAppendedIsReadBackAtOnceAndAfterReopening) {
  TemporaryFolder folder;
  std::vector<std::string> records;
  std::string all;
  for (uint64_t i = 0; i < 10; ++i) all += records.emplace_back(TestRecord(i, 1 + i * 5000));
  std::vector<RecordLocation> locations;
  {
    auto store = OpenStore(folder.path());
    auto writer = Lease(*store);
    auto appended = writer->Append(AsBytes(all));
    ASSERT_TRUE(appended.ok()) << appended.status();
    locations = *appended;
    ASSERT_EQ(locations.size(), records.size());
    EXPECT_EQ(locations[0].segment, SegmentId{1});
    EXPECT_EQ(locations[0].offset_bytes, 16u);
    for (size_t i = 0; i < 10; ++i) EXPECT_EQ(ReadRecord(*store, locations[i]), records[i]);
    EXPECT_TRUE(writer->Sync().ok());
  }
  auto store = OpenStore(folder.path());
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(ReadRecord(*store, locations[i]), records[i]);
  const ScanResult scan = ScanAll(*store, SegmentId{1});
  EXPECT_TRUE(scan.status.ok());
  EXPECT_TRUE(scan.damage.empty());
  ASSERT_EQ(scan.records.size(), records.size());
  EXPECT_EQ(scan.records[3].id, TestChunkId(3));
  EXPECT_EQ(scan.records[3].raw_bytes, 15'001u);
  EXPECT_EQ(scan.records[3].location.offset_bytes, locations[3].offset_bytes);
}

TEST(LocalSegmentStore, TheFileStartsAsDocumented) {
  TemporaryFolder folder;
  auto store = OpenStore(folder.path());
  auto writer = Lease(*store);
  const std::string record = TestRecord(7, 100);
  AppendOne(*writer, record);
  EXPECT_EQ(*ReadWholeFile(folder.path() + "/format", 100), "dray segment store 1\n");
  EXPECT_EQ(*ReadWholeFile(folder.path() + "/0000000000000001.open", 1000),
            std::string("drayseg\x01\0\0\0\0\0\0\0\x01", 16) + record);
}

TEST(LocalSegmentStore, AReturnedSegmentIsUsedByTheNextLease) {
  TemporaryFolder folder;
  auto store = OpenStore(folder.path());
  for (uint64_t i = 0; i < 20; ++i) {
    auto writer = Lease(*store);
    EXPECT_EQ(AppendOne(*writer, TestRecord(i, 1000)).segment, SegmentId{1});
    EXPECT_TRUE(writer->Sync().ok());
  }
  auto first = Lease(*store);
  auto second = Lease(*store);
  EXPECT_EQ(AppendOne(*first, TestRecord(1, 1)).segment, SegmentId{1});
  EXPECT_EQ(AppendOne(*second, TestRecord(2, 1)).segment, SegmentId{2});
  EXPECT_EQ(ListAll(*store).size(), 2u);
}

TEST(LocalSegmentStore, ALeaseThatAppendsNothingMakesNoSegment) {
  TemporaryFolder folder;
  auto store = OpenStore(folder.path());
  auto writer = Lease(*store);
  EXPECT_TRUE(writer->Sync().ok());
  writer.reset();
  EXPECT_TRUE(ListAll(*store).empty());
}

TEST(LocalSegmentStore, RollsOverBeforeTheLimitAndSealsWithSync) {
  TemporaryFolder folder;
  auto store = OpenStore(folder.path());
  auto writer = Lease(*store);
  const std::string record = TestRecord(1, 256 * 1024);
  std::string sixteen;
  for (int i = 0; i < 16; ++i) sixteen += record;
  std::vector<RecordLocation> locations;
  for (int i = 0; i < 17; ++i) {  // 68 MiB
    auto appended = writer->Append(AsBytes(sixteen));
    ASSERT_TRUE(appended.ok()) << appended.status();
    locations.insert(locations.end(), appended->begin(), appended->end());
  }
  EXPECT_FALSE(ListAll(*store)[0].sealed) << "before it is durable";
  ASSERT_TRUE(writer->Sync().ok());
  auto list = ListAll(*store);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_TRUE(list[0].sealed);
  EXPECT_LE(list[0].size_bytes, kMaxSegmentBytes);
  EXPECT_GT(list[0].size_bytes + record.size(), kMaxSegmentBytes);
  EXPECT_FALSE(list[1].sealed);
  EXPECT_TRUE(std::filesystem::exists(folder.SegmentFile(SegmentId{1}, true)));
  EXPECT_EQ(locations.back().segment, SegmentId{2});
  for (const RecordLocation& location : locations) {
    ASSERT_TRUE(ReadRecord(*store, location) == record) << location.offset_bytes;
  }
  EXPECT_TRUE(ScanAll(*store, SegmentId{1}).damage.empty());
}

TEST(LocalSegmentStore, RefusesWhatIsNoRowOfRecords) {
  TemporaryFolder folder;
  auto store = OpenStore(folder.path());
  auto writer = Lease(*store);
  const std::string record = TestRecord(1, 100);
  for (const std::string& bad : {record.substr(0, 151), record + "x", record + record.substr(0, 60),
                                 std::string(200, 'x')}) {
    EXPECT_EQ(writer->Append(AsBytes(bad)).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(writer->Append({})->empty());
  EXPECT_TRUE(ListAll(*store).empty());
  EXPECT_EQ(AppendOne(*writer, record).offset_bytes, 16u);
}

TEST(LocalSegmentStore, ASecondProcessIsRefusedByName) {
  TemporaryFolder folder;
  auto store = OpenStore(folder.path());
  const absl::Status refused = OpenLocalSegmentStore(folder.path()).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.message().find(folder.path()), absl::string_view::npos) << refused;
  EXPECT_NE(refused.message().find("another process"), absl::string_view::npos) << refused;
  store.reset();
  EXPECT_TRUE(OpenLocalSegmentStore(folder.path()).ok());
}

TEST(LocalSegmentStore, AnUnknownFormatIsRefused) {
  TemporaryFolder folder;
  OpenStore(folder.path());
  ASSERT_TRUE(ReplaceFile(folder.path() + "/format", "dray segment store 2\n").ok());
  EXPECT_EQ(OpenLocalSegmentStore(folder.path()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(LocalSegmentStore, SegmentsWithoutAFormatAreRefused) {
  TemporaryFolder folder;
  ASSERT_TRUE(MakeFolders(folder.path()).ok());
  ASSERT_TRUE(ReplaceFile(folder.SegmentFile(SegmentId{1}, true), "x").ok());
  EXPECT_EQ(OpenLocalSegmentStore(folder.path()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(LocalSegmentStore, TwoFilesOfOneSegmentAreRefused) {
  TemporaryFolder folder;
  OpenStore(folder.path());
  ASSERT_TRUE(ReplaceFile(folder.SegmentFile(SegmentId{1}, true), "x").ok());
  ASSERT_TRUE(ReplaceFile(folder.SegmentFile(SegmentId{1}, false), "x").ok());
  EXPECT_EQ(OpenLocalSegmentStore(folder.path()).status().code(), absl::StatusCode::kDataLoss);
}

TEST(LocalSegmentStore, OtherFilesAreLeftAlone) {
  TemporaryFolder folder;
  OpenStore(folder.path());
  for (const char* name : {"notes.txt", "1.seg", "000000000000000G.seg", "0000000000000000.open"}) {
    ASSERT_TRUE(ReplaceFile(folder.path() + "/" + name, "mine").ok());
  }
  auto store = OpenStore(folder.path());
  EXPECT_TRUE(ListAll(*store).empty());
  EXPECT_EQ(*ReadWholeFile(folder.path() + "/1.seg", 100), "mine");
}

// Makes one sealed segment.
RecordLocation StoreOneRecord(const std::string& folder, uint64_t number) {
  auto store = OpenStore(folder);
  auto writer = Lease(*store);
  const RecordLocation location = AppendOne(*writer, TestRecord(number, 1000));
  EXPECT_TRUE(writer->Sync().ok());
  return location;
}

TEST(LocalSegmentStore, IdsAreNeverUsedTwice) {
  TemporaryFolder folder;
  EXPECT_EQ(StoreOneRecord(folder.path(), 1).segment, SegmentId{1});
  EXPECT_EQ(StoreOneRecord(folder.path(), 2).segment, SegmentId{2})
      << "a clean close leaves no gap";
  {
    auto store = OpenStore(folder.path());
    EXPECT_TRUE(store->Delete(SegmentId{2}).ok());
    EXPECT_TRUE(store->Delete(SegmentId{1}).ok());
    EXPECT_TRUE(ListAll(*store).empty());
  }
  EXPECT_TRUE(ListAll(*OpenStore(folder.path())).empty());
  EXPECT_EQ(StoreOneRecord(folder.path(), 3).segment, SegmentId{3});
}

TEST(LocalSegmentStore, IdsAreNeverUsedTwiceAfterACrash) {
  TemporaryFolder folder;
  StoreOneRecord(folder.path(), 1);
  // As a crash would leave it: ids reserved, segment 2 made and removed.
  ASSERT_TRUE(ReplaceFile(folder.path() + "/next", "258\n").ok());
  EXPECT_EQ(StoreOneRecord(folder.path(), 2).segment, SegmentId{258});
  EXPECT_EQ(*ReadWholeFile(folder.path() + "/next", 100), "259\n");
}

TEST(LocalSegmentStore, IdsAreReservedBeforeTheyAreUsed) {
  TemporaryFolder folder;
  auto store = OpenStore(folder.path());
  auto writer = Lease(*store);
  AppendOne(*writer, TestRecord(1, 10));
  EXPECT_EQ(*ReadWholeFile(folder.path() + "/next", 100), "257\n");
}

TEST(LocalSegmentStore, ADamagedNextFileIsNotGuessedAround) {
  TemporaryFolder folder;
  StoreOneRecord(folder.path(), 1);
  ASSERT_TRUE(ReplaceFile(folder.path() + "/next", "twelve\n").ok());
  EXPECT_EQ(OpenLocalSegmentStore(folder.path()).status().code(), absl::StatusCode::kDataLoss);
}

TEST(LocalSegmentStore, DeletingLeavesOpenReadersTheirBytes) {
  TemporaryFolder folder;
  const RecordLocation location = StoreOneRecord(folder.path(), 1);
  auto store = OpenStore(folder.path());
  auto reader = store->Open(location.segment);
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE(store->Delete(location.segment).ok());
  EXPECT_EQ(store->Open(location.segment).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store->Delete(location.segment).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ScanAll(*store, location.segment).status.code(), absl::StatusCode::kNotFound);
  std::vector<uint8_t> bytes(location.stored_bytes);
  EXPECT_EQ(*ReadAt((*reader)->fd(), location.offset_bytes, absl::MakeSpan(bytes)), bytes.size());
}

TEST(LocalSegmentStore, AnOpenSegmentIsNotDeleted) {
  TemporaryFolder folder;
  auto store = OpenStore(folder.path());
  auto writer = Lease(*store);
  const SegmentId id = AppendOne(*writer, TestRecord(1, 10)).segment;
  EXPECT_EQ(store->Delete(id).code(), absl::StatusCode::kFailedPrecondition);
  writer.reset();
  EXPECT_EQ(store->Delete(id).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(LocalSegmentStore, ManySegmentsAreReadThroughFewDescriptors) {
  TemporaryFolder folder;
  constexpr uint64_t kSegments = 600;
  std::vector<RecordLocation> locations;
  auto store = OpenStore(folder.path());
  {
    std::vector<std::unique_ptr<SegmentWriter>> writers;
    for (uint64_t i = 0; i < kSegments; ++i) {
      writers.push_back(Lease(*store));
      locations.push_back(AppendOne(*writers.back(), TestRecord(i, 20)));
    }
  }
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = descriptors();
  for (int round = 0; round < 2; ++round) {
    for (uint64_t i = 0; i < kSegments; ++i) {
      ASSERT_EQ(ReadRecord(*store, locations[i]), TestRecord(i, 20));
    }
  }
  EXPECT_LE(descriptors() - before, 256);
  EXPECT_EQ((*store->Open(SegmentId{600}))->fd(), (*store->Open(SegmentId{600}))->fd());
}

}  // namespace
}  // namespace dray
