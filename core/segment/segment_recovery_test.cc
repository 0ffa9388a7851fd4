// What opening a store makes of what a crash or a bad disk left behind.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/segment/local_segment_store.h"
#include "core/segment/segment_format.h"
#include "core/segment/testing/store_test_support.h"
#include "core/segment/testing/test_records.h"

namespace dray {
namespace {

constexpr SegmentId kFirst{1};

std::string HeaderText(SegmentId id) {
  const auto header = SegmentHeader(id);
  return std::string(AsText(header));
}

// A store that holds nothing but segment 1, not sealed, with these bytes.
void LeaveOpenSegment(const TemporaryFolder& folder, const std::string& contents) {
  std::filesystem::remove_all(folder.path());
  OpenStore(folder.path());
  ASSERT_TRUE(ReplaceFile(folder.SegmentFile(kFirst, false), contents).ok());
}

// The numbers of the test records among those found; -1 for any other.
std::vector<int> NumbersOf(const ScanResult& scan) {
  std::vector<int> numbers;
  for (const ScannedRecord& record : scan.records) {
    int number = 10;
    while (number >= 0 && record.id != TestChunkId(static_cast<uint64_t>(number))) --number;
    numbers.push_back(number);
  }
  return numbers;
}

TEST(Recovery, ATornLastRecordIsCutAtEveryLength) {
  TemporaryFolder folder;
  const std::string whole = HeaderText(kFirst) + TestRecord(1, 300);
  const std::string last = TestRecord(2, 70);
  for (size_t kept = 0; kept < last.size(); ++kept) {
    LeaveOpenSegment(folder, whole + last.substr(0, kept));
    auto store = OpenStore(folder.path());
    const auto list = ListAll(*store);
    ASSERT_EQ(list.size(), 1u);
    EXPECT_TRUE(list[0].sealed);
    EXPECT_EQ(list[0].size_bytes, whole.size());
    ASSERT_EQ(*ReadWholeFile(folder.SegmentFile(kFirst, true), 10'000), whole) << kept;
    const ScanResult scan = ScanAll(*store, kFirst);
    EXPECT_EQ(NumbersOf(scan), std::vector<int>{1});
    EXPECT_TRUE(scan.damage.empty());
    EXPECT_FALSE(std::filesystem::exists(folder.SegmentFile(kFirst, false)));
  }
}

TEST(Recovery, ATailOfZerosOrGarbageIsCut) {
  TemporaryFolder folder;
  const std::string whole = HeaderText(kFirst) + TestRecord(1, 300);
  for (const std::string& tail : {std::string(500'000, '\0'), std::string(1, 'x'),
                                  TestRecord(2, 400'000 % 262'144).substr(8)}) {
    LeaveOpenSegment(folder, whole + tail);
    auto store = OpenStore(folder.path());
    EXPECT_EQ(ListAll(*store).front().size_bytes, whole.size());
  }
}

TEST(Recovery, ASegmentWithoutARecordIsRemovedAndItsIdNotUsedAgain) {
  TemporaryFolder folder;
  const std::string header = HeaderText(kFirst);
  for (const std::string& contents :
       {std::string(), header.substr(0, 7), header, header + TestRecord(1, 100).substr(0, 100)}) {
    LeaveOpenSegment(folder, contents);
    // As the process wrote it before it made the segment.
    ASSERT_TRUE(ReplaceFile(folder.path() + "/next", "257\n").ok());
    auto store = OpenStore(folder.path());
    EXPECT_TRUE(ListAll(*store).empty());
    EXPECT_FALSE(std::filesystem::exists(folder.SegmentFile(kFirst, false)));
    auto writer = Lease(*store);
    EXPECT_EQ(AppendOne(*writer, TestRecord(1, 10)).segment, SegmentId{257});
  }
}

TEST(Recovery, DamageInTheMiddleStaysIsReportedAndHidesNothingBehindIt) {
  TemporaryFolder folder;
  const std::string header = HeaderText(kFirst);
  const std::string records[] = {TestRecord(0, 1000), TestRecord(1, 2000), TestRecord(2, 3000)};
  const size_t second = header.size() + records[0].size();
  // In the length, the type, the raw length, the checksum, the body's first and last byte.
  for (size_t at : {size_t{0}, size_t{4}, size_t{41}, size_t{44}, size_t{52}, size_t{2051}}) {
    std::string contents = header + records[0] + records[1] + records[2];
    contents[second + at] ^= 0x40;
    LeaveOpenSegment(folder, contents);
    auto store = OpenStore(folder.path());
    EXPECT_EQ(*ReadWholeFile(folder.SegmentFile(kFirst, true), 10'000), contents);
    const ScanResult scan = ScanAll(*store, kFirst);
    EXPECT_TRUE(scan.status.ok());
    EXPECT_EQ(NumbersOf(scan), (std::vector<int>{0, 2}));
    ASSERT_EQ(scan.damage.size(), 1u);
    EXPECT_EQ(scan.damage[0].segment, kFirst);
    EXPECT_EQ(scan.damage[0].offset_bytes, second);
    EXPECT_EQ(scan.damage[0].length_bytes, records[1].size());
  }
}

TEST(Recovery, RecordsAreFoundBehindDamageThatCutsOrAddsBytes) {
  TemporaryFolder folder;
  const std::string header = HeaderText(kFirst);
  const std::string last = TestRecord(2, 200'000);
  for (size_t junk : {size_t{1}, size_t{51}, size_t{1000}, size_t{3'000'000}}) {
    LeaveOpenSegment(folder, header + TestRecord(0, 200'000) + std::string(junk, '\x10') + last);
    auto store = OpenStore(folder.path());
    const ScanResult scan = ScanAll(*store, kFirst);
    EXPECT_EQ(NumbersOf(scan), (std::vector<int>{0, 2})) << junk;
    ASSERT_EQ(scan.damage.size(), 1u);
    EXPECT_EQ(scan.damage[0].length_bytes, junk);
  }
}

TEST(Recovery, AWrongHeaderIsDamageToo) {
  TemporaryFolder folder;
  LeaveOpenSegment(folder, HeaderText(SegmentId{2}) + TestRecord(1, 100));
  auto store = OpenStore(folder.path());
  const ScanResult scan = ScanAll(*store, kFirst);
  EXPECT_EQ(NumbersOf(scan), std::vector<int>{1});
  ASSERT_EQ(scan.damage.size(), 1u);
  EXPECT_EQ(scan.damage[0].offset_bytes, 0u);
  EXPECT_EQ(scan.damage[0].length_bytes, kSegmentHeaderBytes);
}

TEST(Recovery, ASealedSegmentThatLostItsEndIsReported) {
  TemporaryFolder folder;
  LeaveOpenSegment(folder, HeaderText(kFirst) + TestRecord(1, 100) + TestRecord(2, 100));
  auto store = OpenStore(folder.path());
  std::filesystem::resize_file(folder.SegmentFile(kFirst, true), 16 + 152 + 50);
  const ScanResult scan = ScanAll(*store, kFirst);
  EXPECT_TRUE(scan.status.ok());
  EXPECT_EQ(NumbersOf(scan), std::vector<int>{1});
  ASSERT_EQ(scan.damage.size(), 1u);
  EXPECT_EQ(scan.damage[0].offset_bytes, 16u + 152);
  EXPECT_EQ(scan.damage[0].length_bytes, 152u);
}

TEST(Recovery, ASealedSegmentIsNeverChanged) {
  TemporaryFolder folder;
  const std::string torn = HeaderText(kFirst) + TestRecord(1, 100) + "torn";
  OpenStore(folder.path());
  ASSERT_TRUE(ReplaceFile(folder.SegmentFile(kFirst, true), torn).ok());
  auto store = OpenStore(folder.path());
  EXPECT_EQ(*ReadWholeFile(folder.SegmentFile(kFirst, true), 10'000), torn);
  EXPECT_EQ(ScanAll(*store, kFirst).damage.size(), 1u);
}

TEST(Recovery, ALinkInPlaceOfASegmentIsNotFollowed) {
  TemporaryFolder folder;
  OpenStore(folder.path());
  const std::string target = folder.path() + "/target";
  ASSERT_TRUE(ReplaceFile(target, "precious").ok());
  std::filesystem::create_symlink(target, folder.SegmentFile(kFirst, false));
  EXPECT_FALSE(OpenLocalSegmentStore(folder.path()).ok());
  EXPECT_EQ(*ReadWholeFile(target, 100), "precious");
}

}  // namespace
}  // namespace dray
