// The connection is cut between a change and its answer: the retry is the same change, not another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/cutting_proxy.h"
#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

class LostAnswerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
  }
  // Runs it over a connection that is cut at the first two answers of this type.
  void RunThrough(FrameType type, const std::vector<std::string>& arguments) {
    CuttingProxy proxy(stack_.server(), type, 2);
    Stack::DrayOptions options;
    options.server = proxy.address();
    const CommandResult result = stack_.Dray(arguments, options);
    EXPECT_EQ(result.status, 0) << result.err << result.out;
    EXPECT_EQ(proxy.cuts_left(), 0) << "the answer never came by";
  }
  size_t Versions(const std::string& remote) {
    return stack_.Dray({"log", "--json", remote}).Objects().size();
  }

  Stack stack_;
};

TEST_F(LostAnswerTest, OfALargeFile) {
  WriteRandomFile(stack_.Path("large"), 5 << 20, 1);
  RunThrough(FrameType::kPutDone, {"put", stack_.Path("large"), ":/large"});
  EXPECT_EQ(Versions(":/large"), 1u);
  // Its own version is no other's: the demand that nothing be there still holds.
  WriteRandomFile(stack_.Path("second"), 5 << 20, 2);
  RunThrough(FrameType::kPutDone, {"put", "--if-absent", stack_.Path("second"), ":/second"});
  RunThrough(FrameType::kPutDone, {"put", "--if-version", "1", stack_.Path("second"), ":/large"});
  EXPECT_EQ(Versions(":/large"), 2u);
  stack_.ExpectSound();
}

TEST_F(LostAnswerTest, OfSmallFiles) {
  MakeFolder(stack_.Path("tree"));
  for (int i = 0; i < 30; ++i) {
    WriteFile(stack_.Path("tree/" + std::to_string(i)), RandomText(3000, i));
  }
  RunThrough(FrameType::kPutBatchDone, {"put", "--if-absent", stack_.Path("tree"), ":/tree"});
  for (int i = 0; i < 30; ++i) EXPECT_EQ(Versions(":/tree/" + std::to_string(i)), 1u);
  stack_.ExpectSound();
}

TEST_F(LostAnswerTest, OfChangesOfNames) {
  WriteFile(stack_.Path("file"), "contents");
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/file"}).status, 0);
  RunThrough(FrameType::kChanged, {"mv", ":/file", ":/moved"});
  RunThrough(FrameType::kChanged, {"rm", ":/moved"});
  EXPECT_EQ(Versions(":/moved"), 2u);
  RunThrough(FrameType::kChanged, {"restore", ":/moved"});
  EXPECT_EQ(Versions(":/moved"), 3u);
  stack_.ExpectSound();
}

}  // namespace
}  // namespace dray::testing
