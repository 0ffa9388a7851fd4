#include "client/sync_together.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "client/testing/scratch_tree.h"
#include "core/base/file.h"

namespace dray {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

class SyncTogetherTest : public ::testing::Test {
 protected:
  int Open(const std::string& name) {
    opened_.emplace_back(::open(tree_.Path(name).c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_TRUE(opened_.back().valid()) << name;
    return opened_.back().get();
  }

  testing::ScratchTree tree_;
  std::vector<UniqueFd> opened_;
};

TEST_F(SyncTogetherTest, FilesAndFoldersMoreThanThereAreThreads) {
  std::vector<int> descriptors = {Open("")};
  for (int i = 0; i < 40; ++i) {
    tree_.Write(std::to_string(i), "contents");
    descriptors.push_back(Open(std::to_string(i)));
  }
  descriptors.push_back(Open("7"));  // once more
  const std::vector<int> errors = SyncTogether(descriptors);
  EXPECT_EQ(errors.size(), descriptors.size());
  EXPECT_THAT(errors, Each(0));
}

TEST_F(SyncTogetherTest, EachIsToldItsOwnError) {
  tree_.Write("file", "contents");
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd in(ends[0]), out(ends[1]);
  const int file = Open("file");
  // A pipe cannot be synced, and its ends are one inode.
  EXPECT_THAT(SyncTogether({out.get(), file, -1, in.get()}), ElementsAre(EINVAL, 0, 0, EINVAL));
}

TEST_F(SyncTogetherTest, NothingIsNothing) { EXPECT_TRUE(SyncTogether({}).empty()); }

}  // namespace
}  // namespace dray
