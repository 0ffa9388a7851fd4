// Two clients at once, with the same things and with different ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::IsEmpty;

class ConcurrentClientsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
  }

  void MakeTree(const std::string& name, uint64_t seed) {
    MakeFolder(stack_.Path(name));
    for (uint64_t i = 0; i < 300; ++i) {
      WriteFile(stack_.Path(name + "/" + std::to_string(i)), RandomText(500 * i, seed + i));
    }
    WriteRandomFile(stack_.Path(name + "/large"), 64 << 20, seed);
  }
  void CheckEqual(const std::string& remote, const std::string& local) {
    const std::string back = stack_.Target("back" + std::to_string(++reads_));
    const CommandResult get = stack_.Dray({"get", remote, back});
    ASSERT_EQ(get.status, 0) << get.err;
    EXPECT_THAT(Differences(stack_.Path(local), back), IsEmpty());
  }

  Stack stack_;
  int reads_ = 0;
};

TEST_F(ConcurrentClientsTest, DifferentFolders) {
  MakeTree("one", 1000);
  MakeTree("two", 2000);
  auto first = stack_.StartDray({"put", stack_.Path("one"), ":/one"});
  auto second = stack_.StartDray({"put", stack_.Path("two"), ":/two"});
  const CommandResult first_result = first->Finish(absl::Minutes(2));
  const CommandResult second_result = second->Finish(absl::Minutes(2));
  EXPECT_EQ(first_result.status, 0) << first_result.err;
  EXPECT_EQ(second_result.status, 0) << second_result.err;
  CheckEqual(":/one", "one");
  CheckEqual(":/two", "two");
}

TEST_F(ConcurrentClientsTest, TheSameFolderUnderOneName) {
  MakeTree("tree", 3000);
  auto first = stack_.StartDray({"put", stack_.Path("tree"), ":/"});
  auto second = stack_.StartDray({"put", stack_.Path("tree"), ":/"});
  const CommandResult first_result = first->Finish(absl::Minutes(2));
  const CommandResult second_result = second->Finish(absl::Minutes(2));
  EXPECT_EQ(first_result.status, 0) << first_result.err;
  EXPECT_EQ(second_result.status, 0) << second_result.err;
  CheckEqual(":/tree", "tree");
}

TEST_F(ConcurrentClientsTest, OneReadsWhatTheOtherReplaces) {
  const std::string old_text = RandomText(32 << 20, 1);
  const std::string new_text = RandomText(32 << 20, 2);
  WriteFile(stack_.Path("old"), old_text);
  WriteFile(stack_.Path("new"), new_text);
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("old"), ":/file"}).status, 0);
  for (int round = 0; round < 5; ++round) {
    const std::string back = stack_.Target("back" + std::to_string(round));
    auto put = stack_.StartDray({"put", stack_.Path(round % 2 == 0 ? "new" : "old"), ":/file"});
    auto get = stack_.StartDray({"get", ":/file", back});
    const CommandResult got = get->Finish(absl::Minutes(2));
    const CommandResult done = put->Finish(absl::Minutes(2));
    ASSERT_EQ(got.status, 0) << got.err;
    ASSERT_EQ(done.status, 0) << done.err;
    // One version or the other, never a mixture.
    const std::string text = ReadFile(back);
    EXPECT_TRUE(text == old_text || text == new_text) << "round " << round;
  }
}

}  // namespace
}  // namespace dray::testing
