// Disks that are full: uploads fail and say why, what is there stays readable, and when there is
// room again all goes on without a restart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/files.h"
#include "tests/support/mounts.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kMiB = 1 << 20;

class FullDiskTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { EnterOwnMounts(); }

  void SetUp() override { ASSERT_FALSE(HasFatalFailure()); }

  void Start(uint64_t store_bytes, uint64_t catalog_bytes) {
    MountSmallDisk(stack_.StoreFolder(), store_bytes);
    MountSmallDisk(stack_.scratch().Path("delta"), catalog_bytes);
    ASSERT_FALSE(HasFatalFailure());
    stack_.Start();
  }
  CommandResult Put(const std::string& name) {
    return stack_.Dray({"put", "--retries", "1", stack_.Path(name), ":/"});
  }
  void ExpectComesBack(const std::string& name) {
    const std::string back = stack_.Target("back" + std::to_string(++reads_));
    const CommandResult get = stack_.Dray({"get", ":/" + name, back});
    EXPECT_EQ(get.status, 0) << get.err;
    EXPECT_THAT(Differences(stack_.Path(name), back), IsEmpty());
  }
  // Thousands of names and nodes, and few bytes of contents.
  void MakeManyFiles(const std::string& name, int files) {
    MakeFolder(stack_.Path(name));
    for (int i = 0; i < files; ++i) {
      WriteFile(stack_.Path(name + "/" + std::string(100, 'n') + std::to_string(i)),
                name + std::to_string(i));
    }
  }

  Stack stack_;
  int reads_ = 0;
};

TEST_F(FullDiskTest, OfTransfer) {
  Start(24 * kMiB, 64 * kMiB);
  ASSERT_FALSE(HasFatalFailure());
  WriteRandomFile(stack_.Path("fits"), 8 * kMiB, 1);
  WriteRandomFile(stack_.Path("does-not"), 40 * kMiB, 2);
  MakeManyFiles("many", 300);
  ASSERT_EQ(Put("fits").status, 0);
  const CommandResult refused = Put("does-not");
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("does-not"));
  EXPECT_THAT(refused.err, AnyOf(HasSubstr("No space left"), HasSubstr("no space left")));
  EXPECT_TRUE(stack_.transfer().running());
  EXPECT_NE(stack_.Dray({"stat", ":/does-not"}).status, 0);
  ExpectComesBack("fits");
  stack_.ExpectSound();

  ResizeSmallDisk(stack_.StoreFolder(), 200 * kMiB);
  EXPECT_EQ(Put("does-not").status, 0);
  EXPECT_EQ(Put("many").status, 0);
  ExpectComesBack("does-not");
  ExpectComesBack("many");
  stack_.ExpectSound();
}

TEST_F(FullDiskTest, OfDelta) {
  Start(256 * kMiB, 2 * kMiB);
  ASSERT_FALSE(HasFatalFailure());
  MakeManyFiles("fits", 20);
  MakeManyFiles("does-not", 6000);
  ASSERT_EQ(Put("fits").status, 0);
  const CommandResult refused = Put("does-not");
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("make room on the disk that holds catalog.db"));
  EXPECT_TRUE(stack_.delta().running());
  ExpectComesBack("fits");

  ResizeSmallDisk(stack_.scratch().Path("delta"), 200 * kMiB);
  const CommandResult again = Put("does-not");
  EXPECT_EQ(again.status, 0) << again.err;
  ExpectComesBack("does-not");
  stack_.ExpectSound();
}

// A service that starts on a full disk says so; one that was killed on it comes back when there is
// room.
TEST_F(FullDiskTest, AtStart) {
  Start(16 * kMiB, 16 * kMiB);
  ASSERT_FALSE(HasFatalFailure());
  WriteRandomFile(stack_.Path("fits"), 4 * kMiB, 1);
  ASSERT_EQ(Put("fits").status, 0);
  WriteRandomFile(stack_.Path("does-not"), 30 * kMiB, 3);
  EXPECT_NE(Put("does-not").status, 0);
  stack_.transfer().Kill();
  stack_.delta().Kill();
  stack_.delta().Start();
  ASSERT_FALSE(HasFatalFailure());
  stack_.transfer().Start();
  ASSERT_FALSE(HasFatalFailure());
  ExpectComesBack("fits");
  stack_.ExpectSound();
  ResizeSmallDisk(stack_.StoreFolder(), 100 * kMiB);
  EXPECT_EQ(Put("does-not").status, 0);
  ExpectComesBack("does-not");
}

// The client's disk: the target stays as it was.
TEST_F(FullDiskTest, OfTheClient) {
  Start(64 * kMiB, 64 * kMiB);
  ASSERT_FALSE(HasFatalFailure());
  WriteRandomFile(stack_.Path("file"), 20 * kMiB, 1);
  ASSERT_EQ(Put("file").status, 0);
  MakeFolder(stack_.Path("small"));
  MountSmallDisk(stack_.Path("small"), 8 * kMiB);
  WriteFile(stack_.Path("small/file"), "what was there");
  const CommandResult get = stack_.Dray({"get", ":/file", stack_.Path("small/file")});
  EXPECT_EQ(get.status, 1);
  EXPECT_THAT(get.err, HasSubstr("No space left"));
  EXPECT_EQ(ReadFile(stack_.Path("small/file")), "what was there");
  ResizeSmallDisk(stack_.Path("small"), 40 * kMiB);
  const CommandResult again = stack_.Dray({"get", ":/file", stack_.Path("small/file")});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(SameContents(stack_.Path("file"), stack_.Path("small/file")));
}

}  // namespace
}  // namespace dray::testing
