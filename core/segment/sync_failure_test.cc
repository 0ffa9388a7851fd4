// A disk that fails to sync. The test's own fdatasync and fsync stand before the C library's.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <string>

#include "core/segment/testing/store_test_support.h"
#include "core/segment/testing/test_records.h"

namespace {

// How many of the next syncs of files, or of folders, fail.
std::atomic<int> failing_file_syncs{0};
std::atomic<int> failing_folder_syncs{0};

bool TakeFailure(std::atomic<int>& failures) {
  if (failures.load() <= 0) return false;
  --failures;
  errno = EIO;
  return true;
}

}  // namespace

extern "C" int fdatasync(int fd) {
  if (TakeFailure(failing_file_syncs)) return -1;
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

extern "C" int fsync(int fd) {
  struct stat status;
  if (::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode) && TakeFailure(failing_folder_syncs)) {
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace dray {
namespace {

class SyncFailure : public testing::Test {
 protected:
  ~SyncFailure() override { failing_file_syncs = failing_folder_syncs = 0; }

  TemporaryFolder folder_;
  std::unique_ptr<SegmentStore> store_ = OpenStore(folder_.path());
  std::unique_ptr<SegmentWriter> writer_ = Lease(*store_);
  const std::string first_ = TestRecord(1, 5000);
  const std::string second_ = TestRecord(2, 6000);
};

TEST_F(SyncFailure, RetiresTheSegmentAtItsLastSyncedLength) {
  const RecordLocation first = AppendOne(*writer_, first_);
  ASSERT_TRUE(writer_->Sync().ok());
  AppendOne(*writer_, second_);
  failing_file_syncs = 1;
  EXPECT_FALSE(writer_->Sync().ok());
  EXPECT_EQ(failing_file_syncs, 0) << "the store calls another sync than this test expects";

  const auto list = ListAll(*store_);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_TRUE(list[0].sealed);
  EXPECT_EQ(list[0].size_bytes, first.offset_bytes + first.stored_bytes);
  EXPECT_EQ(std::filesystem::file_size(folder_.SegmentFile(SegmentId{1}, true)),
            list[0].size_bytes);
  EXPECT_EQ(ReadRecord(*store_, first), first_);
  EXPECT_TRUE(writer_->Sync().ok()) << "nothing is left that could fail";

  const RecordLocation again = AppendOne(*writer_, second_);
  EXPECT_EQ(again.segment, SegmentId{2});
  EXPECT_TRUE(writer_->Sync().ok());
  EXPECT_EQ(ReadRecord(*store_, again), second_);
}

TEST_F(SyncFailure, WithNothingDurableTheSegmentVanishes) {
  AppendOne(*writer_, first_);
  failing_file_syncs = 1;
  EXPECT_FALSE(writer_->Sync().ok());
  EXPECT_TRUE(ListAll(*store_).empty());
  EXPECT_EQ(AppendOne(*writer_, first_).segment, SegmentId{2});
  EXPECT_TRUE(writer_->Sync().ok());
}

TEST_F(SyncFailure, ANewNameThatIsNotDurableIsNotTrustedLater) {
  AppendOne(*writer_, first_);
  failing_folder_syncs = 1;
  EXPECT_FALSE(writer_->Sync().ok());
  EXPECT_EQ(failing_folder_syncs, 0);
  EXPECT_TRUE(ListAll(*store_).empty());
  const RecordLocation again = AppendOne(*writer_, first_);
  EXPECT_EQ(again.segment, SegmentId{2});
  EXPECT_TRUE(writer_->Sync().ok());
  EXPECT_EQ(ReadRecord(*store_, again), first_);
}

TEST_F(SyncFailure, ASegmentThatCannotEvenBeCutIsRecoveredByTheNextOpening) {
  const RecordLocation first = AppendOne(*writer_, first_);
  ASSERT_TRUE(writer_->Sync().ok());
  AppendOne(*writer_, second_);
  failing_file_syncs = 2;
  EXPECT_FALSE(writer_->Sync().ok());
  EXPECT_FALSE(ListAll(*store_).front().sealed);
  EXPECT_EQ(AppendOne(*writer_, second_).segment, SegmentId{2});
  writer_.reset();
  store_.reset();

  store_ = OpenStore(folder_.path());
  ASSERT_EQ(ListAll(*store_).size(), 2u);
  EXPECT_TRUE(ListAll(*store_).front().sealed);
  EXPECT_EQ(ReadRecord(*store_, first), first_);
  writer_ = Lease(*store_);
}

TEST_F(SyncFailure, OneOfTwoSegmentsFailingFailsTheSync) {
  // Fill the first segment, so that the sync covers two.
  const std::string large = TestRecord(3, 262'144);
  uint64_t last_segment = 1;
  for (int i = 0; last_segment == 1; ++i) {
    ASSERT_LT(i, 300);
    last_segment = static_cast<uint64_t>(AppendOne(*writer_, large).segment);
  }
  failing_file_syncs = 1;
  EXPECT_FALSE(writer_->Sync().ok());
  // The second did become durable. Nobody was told, but it may be kept.
  const auto list = ListAll(*store_);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].id, SegmentId{2});
  EXPECT_TRUE(writer_->Sync().ok());
}

TEST_F(SyncFailure, ClosingTheStoreWithAFailingDiskKeepsWhatIsDurable) {
  const RecordLocation first = AppendOne(*writer_, first_);
  ASSERT_TRUE(writer_->Sync().ok());
  AppendOne(*writer_, second_);
  writer_.reset();
  failing_file_syncs = 1;
  store_.reset();
  EXPECT_EQ(failing_file_syncs, 0);
  store_ = OpenStore(folder_.path());
  EXPECT_EQ(ReadRecord(*store_, first), first_);
  EXPECT_EQ(ListAll(*store_).front().size_bytes, first.offset_bytes + first.stored_bytes);
  writer_ = Lease(*store_);
}

}  // namespace
}  // namespace dray
