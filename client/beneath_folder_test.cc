#include "client/beneath_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <optional>
#include <string>

#include "client/testing/scratch_tree.h"

namespace dray {
namespace {

class BeneathFolderTest : public ::testing::Test {
 protected:
  BeneathFolderTest() {
    tree_.MakeFolder("top");
    tree_.MakeFolder("outside");
    tree_.Write("outside/f", "untouched");
    base_.emplace(*BeneathFolder::Open(tree_.Path("top")));
  }
  absl::StatusCode OpenCode(const std::string& name) {
    return base_->Open(name, O_RDONLY).status().code();
  }

  testing::ScratchTree tree_;
  std::optional<BeneathFolder> base_;
};

TEST_F(BeneathFolderTest, ReachesWhatIsBeneath) {
  ASSERT_TRUE(base_->MakeFolder("a/b/c").ok());
  tree_.Write("top/a/b/f", "x");
  EXPECT_EQ(OpenCode("a/b/f"), absl::StatusCode::kOk);
  EXPECT_EQ(OpenCode(""), absl::StatusCode::kOk);
  EXPECT_EQ(OpenCode("a/none"), absl::StatusCode::kNotFound);
}

TEST_F(BeneathFolderTest, NothingLeadsOut) {
  tree_.MakeLink("top/link", "../outside");
  tree_.MakeLink("top/absolute", tree_.Path("outside"));
  tree_.MakeLink("top/file", tree_.Path("outside/f"));
  for (const std::string name :
       {"../outside/f", "a/../../outside/f", "link/f", "absolute/f", "file", "/etc/passwd"}) {
    EXPECT_NE(OpenCode(name), absl::StatusCode::kOk) << name;
  }
  EXPECT_EQ(OpenCode("link/f"), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(base_->MakeFolder("link/new").ok());
  EXPECT_FALSE(base_->MakeFolder("link").ok());
  EXPECT_FALSE(base_->MakeLink("link/new", "x").ok());
  EXPECT_FALSE(tree_.Exists("outside/new"));
}

TEST_F(BeneathFolderTest, LinksReplaceFilesAndLinksButNoFolders) {
  tree_.Write("top/f", "x");
  tree_.MakeFolder("top/d");
  EXPECT_TRUE(*base_->MakeLink("f", "one"));
  EXPECT_TRUE(*base_->MakeLink("f", "two"));
  EXPECT_FALSE(*base_->MakeLink("f", "two"));
  EXPECT_FALSE(base_->MakeLink("d", "x").ok());
  EXPECT_TRUE(tree_.Exists("top/d"));
  EXPECT_EQ(tree_.Describe("top").size(), 3u) << "no temporary name is left";
}

TEST_F(BeneathFolderTest, ClosedFolderIsOpenedToItsOwner) {
  tree_.MakeFolder("top/d");
  tree_.SetMode("top/d", 0500);
  ASSERT_TRUE(base_->MakeFolder("d").ok());
  struct stat status;
  ASSERT_EQ(::stat(tree_.Path("top/d").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST(ToTimespec, KnowsTimesBefore1970) {
  EXPECT_EQ(ToTimespec(-1).tv_sec, -1);
  EXPECT_EQ(ToTimespec(-1).tv_nsec, 999'999'999);
  EXPECT_EQ(ToTimespec(1'500'000'000).tv_nsec, 500'000'000);
}

}  // namespace
}  // namespace dray
