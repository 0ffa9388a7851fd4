// A client dies in the middle; run again, only the rest moves.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

constexpr uint64_t kFileBytes = 512 << 20;

class ResumeTest : public ::testing::Test {
 protected:
  ResumeTest() : stack_({.room_bytes = 4 * kFileBytes, .transfer_flags = {}}) {}

  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    WriteRandomFile(stack_.Path("file"), kFileBytes, 12);
  }
  // Runs dray until `folder` holds half of the file, then kills it with `signal`; returns how it
  // ended.
  int RunHalfway(const std::vector<std::string>& arguments, const std::string& folder, int signal) {
    auto dray = stack_.StartDray(arguments);
    EXPECT_TRUE(
        Eventually(absl::Seconds(60), [&] { return FolderBytes(folder) > kFileBytes / 2; }));
    EXPECT_FALSE(dray->process().Poll().has_value()) << "it was too quick to be interrupted";
    dray->process().Signal(signal);
    return dray->Finish(absl::Seconds(30)).status;
  }

  Stack stack_;
};

TEST_F(ResumeTest, KilledPutGoesOnWhereItWas) {
  const std::vector<std::string> put = {"put", stack_.Path("file"), ":/file"};
  EXPECT_EQ(RunHalfway(put, stack_.StoreFolder(), SIGKILL), 128 + SIGKILL);
  const CommandResult again = stack_.DrayStats(put);
  EXPECT_LT(BytesMoved(again), kFileBytes * 6 / 10);
  const CommandResult get = stack_.Dray({"get", ":/file", stack_.Target("back")});
  ASSERT_EQ(get.status, 0) << get.err;
  EXPECT_TRUE(SameContents(stack_.Path("file"), stack_.Target("back")));
}

TEST_F(ResumeTest, KilledGetGoesOnWhereItWas) {
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/file"}).status, 0);
  MakeFolder(stack_.Path("target"));
  const std::vector<std::string> get = {"get", ":/file", stack_.Path("target/file")};
  EXPECT_EQ(RunHalfway(get, stack_.Path("target"), SIGKILL), 128 + SIGKILL);
  EXPECT_FALSE(Exists(stack_.Path("target/file"))) << "a part may not look like the whole";
  const CommandResult again = stack_.DrayStats(get);
  EXPECT_LT(BytesMoved(again), kFileBytes * 6 / 10);
  EXPECT_TRUE(SameContents(stack_.Path("file"), stack_.Path("target/file")));
  EXPECT_EQ(CountEntries(stack_.Path("target")), 1u) << "the part was left behind";
}

TEST_F(ResumeTest, InterruptedPutSaysSoInItsStatus) {
  const std::vector<std::string> put = {"put", stack_.Path("file"), ":/file"};
  EXPECT_EQ(RunHalfway(put, stack_.StoreFolder(), SIGINT), 130);
}

}  // namespace
}  // namespace dray::testing
