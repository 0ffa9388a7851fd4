// SIGTERM lets what runs come to an end; a client is not the worse for it.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

constexpr uint64_t kFileBytes = 512 << 20;

class DrainTest : public ::testing::Test {
 protected:
  DrainTest() : stack_({.room_bytes = 4 * kFileBytes, .transfer_flags = {}}) {}

  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    WriteRandomFile(stack_.Path("file"), kFileBytes, 11);
  }
  // An upload of the file that has come some way.
  std::unique_ptr<Stack::Running> StartUpload() {
    auto put = stack_.StartDray({"put", stack_.Path("file"), ":/file"});
    EXPECT_TRUE(Eventually(absl::Seconds(60),
                           [&] { return FolderBytes(stack_.StoreFolder()) > kFileBytes / 16; }));
    EXPECT_FALSE(put->process().Poll().has_value()) << "the upload was too quick to be interrupted";
    return put;
  }
  void CheckComesBack() {
    const CommandResult get = stack_.Dray({"get", ":/file", stack_.Target("back")});
    ASSERT_EQ(get.status, 0) << get.err;
    EXPECT_TRUE(SameContents(stack_.Path("file"), stack_.Target("back")));
  }

  Stack stack_;
};

TEST_F(DrainTest, StoppedTransferLosesNoUpload) {
  auto put = StartUpload();
  stack_.transfer().Stop();
  stack_.transfer().Start();
  ASSERT_FALSE(HasFatalFailure());
  const CommandResult result = put->Finish(absl::Minutes(3));
  EXPECT_EQ(result.status, 0) << result.err;
  CheckComesBack();
}

TEST_F(DrainTest, StoppedDeltaLosesNoUpload) {
  auto put = StartUpload();
  stack_.delta().Stop();
  stack_.delta().Start();
  ASSERT_FALSE(HasFatalFailure());
  const CommandResult result = put->Finish(absl::Minutes(3));
  EXPECT_EQ(result.status, 0) << result.err;
  CheckComesBack();
}

TEST_F(DrainTest, KilledTransferLosesNoUpload) {
  auto put = StartUpload();
  stack_.transfer().Kill();
  stack_.transfer().Start();
  ASSERT_FALSE(HasFatalFailure());
  const CommandResult result = put->Finish(absl::Minutes(3));
  EXPECT_EQ(result.status, 0) << result.err;
  CheckComesBack();
}

TEST_F(DrainTest, NothingOfAnUnfinishedUploadIsSeen) {
  auto put = StartUpload();
  EXPECT_EQ(stack_.Dray({"stat", ":/file"}).status, 1);
  put->process().Kill();
  EXPECT_EQ(stack_.Dray({"stat", ":/file"}).status, 1);
}

TEST_F(DrainTest, SecondSignalStopsAtOnce) {
  auto put = StartUpload();
  stack_.transfer().process().Signal(SIGTERM);
  absl::SleepFor(absl::Milliseconds(50));
  stack_.transfer().process().Signal(SIGTERM);
  EXPECT_TRUE(stack_.transfer().process().Wait(absl::Seconds(2)).has_value());
}

}  // namespace
}  // namespace dray::testing
