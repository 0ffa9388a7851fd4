// What a large file costs: all of it once, and from then on what is new. $DRAY_TEST_LARGE_MIB is
// its size, 2048 if not set.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kKiB = 1 << 10;

uint64_t LargeBytes() {
  const char* chosen = std::getenv("DRAY_TEST_LARGE_MIB");
  return (chosen != nullptr ? std::strtoull(chosen, nullptr, 10) : 2048) * kMiB;
}

// The file is put once for all tests of this suite; each is about what comes after that.
class LargeFileTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    Stack::Options options;
    // The file, the store, and an edited copy or what is read back.
    options.room_bytes = 4 * LargeBytes();
    stack_ = std::make_unique<Stack>(options);
    stack_->Start();
    ASSERT_FALSE(::testing::Test::HasFatalFailure());
    WriteRandomFile(Original(), LargeBytes(), 2026);
    const CommandResult put = stack_->DrayStats({"put", Original(), ":/large"});
    ASSERT_EQ(put.status, 0);
    EXPECT_GE(BytesMoved(put), LargeBytes());
    EXPECT_LT(BytesMoved(put), LargeBytes() + LargeBytes() / 100);
  }
  static void TearDownTestSuite() { stack_.reset(); }

  static std::string Original() { return stack_->Path("large"); }
  static std::unique_ptr<Stack> stack_;
};

std::unique_ptr<Stack> LargeFileTest::stack_;

TEST_F(LargeFileTest, ComesBackIdentical) {
  const std::string back = stack_->Target("back");
  const CommandResult get = stack_->DrayStats({"get", ":/large", back});
  EXPECT_LT(BytesMoved(get), LargeBytes() + LargeBytes() / 100);
  EXPECT_TRUE(SameContents(Original(), back));
  RemoveFile(back);
}

TEST_F(LargeFileTest, PutAgainMovesNextToNothing) {
  EXPECT_LT(BytesMoved(stack_->DrayStats({"put", Original(), ":/large"})), 32 * kKiB);
}

TEST_F(LargeFileTest, CopyUnderAnotherNameMovesAlmostNothing) {
  EXPECT_LT(BytesMoved(stack_->DrayStats({"put", Original(), ":/copy"})), 32 * kKiB);
}

TEST_F(LargeFileTest, OneByteInsertedAtTheFrontMovesLessThanOneMebibyte) {
  const std::string edited = stack_->Path("edited");
  CopyWithPrefix(Original(), "+", edited);
  const CommandResult put = stack_->DrayStats({"put", edited, ":/edited"});
  EXPECT_LT(BytesMoved(put), kMiB);
  EXPECT_GT(put.Stats()["bytes_saved"].get<uint64_t>(), LargeBytes() - kMiB);

  // The same on the way back: over what is there already.
  const std::string back = stack_->Target("back");
  ASSERT_EQ(rename(edited.c_str(), back.c_str()), 0);
  const CommandResult get = stack_->DrayStats({"get", ":/large", back});
  EXPECT_TRUE(SameContents(Original(), back));
  EXPECT_LT(BytesMoved(get), 4 * kMiB);
  RemoveFile(back);
}

}  // namespace
}  // namespace dray::testing
