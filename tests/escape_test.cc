// Nothing that a name says leads out of the server's realm, or out of the folder that a client
// asked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/base/random.h"
#include "dray/wire/v1/wire.pb.h"
#include "tests/support/files.h"
#include "tests/support/native_peer.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::IsEmpty;

class EscapeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    WriteFile(stack_.Path("file"), "evil");
  }
  Stack stack_;
};

TEST_F(EscapeTest, RemoteNamesWithDotsOrEmptyPartsAreRefused) {
  for (const std::string remote :
       {":/../escaped", ":/a/../../escaped", ":/./escaped", ":/a/..", "://etc/escaped", ":/a//b"}) {
    const CommandResult put = stack_.Dray({"put", stack_.Path("file"), remote});
    EXPECT_THAT(put.status, ::testing::AnyOf(1, 2)) << remote << put.out;
    EXPECT_FALSE(put.err.empty()) << remote;
  }
  EXPECT_FALSE(Exists(stack_.scratch().Path("escaped")));
  EXPECT_FALSE(Exists(stack_.Path("escaped")));
  EXPECT_FALSE(Exists("/etc/escaped"));
}

// A client of its own may send any bytes as a name.
TEST_F(EscapeTest, TheServerRefusesSuchNamesWhateverTheClient) {
  const std::vector<std::string> paths = {
      "..", "../escaped", "a/../../escaped",           "/escaped",           "a//b", "a/",
      ".",  "a/./b",      std::string("nul\0byte", 8), std::string(256, 'n')};
  for (const std::string& path : paths) {
    NativePeer peer(stack_.server());
    ASSERT_TRUE(peer.Greet());
    wire::v1::PutBatch batch;
    wire::v1::BatchItem* item = batch.add_items();
    item->set_path(path);
    item->mutable_metadata()->set_kind(wire::v1::FOLDER);
    item->mutable_metadata()->set_mode(0755);
    batch.set_operation_id(RandomBytes(16));
    peer.Send(FrameType::kPutBatch, 1, batch);
    EXPECT_EQ(peer.AwaitErrorCode(), absl::StatusCode::kInvalidArgument) << path;
  }
  const CommandResult list = stack_.Dray({"ls", ":/"});
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_EQ(list.out, "");
}

TEST_F(EscapeTest, GetFollowsNoLinkThatLiesInItsTarget) {
  MakeFolder(stack_.Path("tree"));
  MakeFolder(stack_.Path("tree/sub"));
  WriteFile(stack_.Path("tree/sub/file"), "contents");
  WriteFile(stack_.Path("tree/top"), "contents");
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("tree"), ":/tree"}).status, 0);

  MakeFolder(stack_.Path("outside"));
  WriteFile(stack_.Path("victim"), "untouched");
  MakeFolder(stack_.Path("target"));
  MakeFolder(stack_.Path("target/tree"));
  MakeLink(stack_.Path("outside"), stack_.Path("target/tree/sub"));
  MakeLink(stack_.Path("victim"), stack_.Path("target/tree/top"));
  stack_.Dray({"get", ":/tree", stack_.Path("target")});
  EXPECT_EQ(CountEntries(stack_.Path("outside")), 0u);
  EXPECT_EQ(ReadFile(stack_.Path("victim")), "untouched");
}

TEST_F(EscapeTest, AStoredLinkIsNoFolderToPutInto) {
  MakeFolder(stack_.Path("outside"));
  MakeFolder(stack_.Path("tree"));
  MakeLink(stack_.Path("outside"), stack_.Path("tree/link"));
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("tree"), ":/tree"}).status, 0);
  const CommandResult put = stack_.Dray({"put", stack_.Path("file"), ":/tree/link/file"});
  EXPECT_EQ(put.status, 1) << put.out;
  const CommandResult get = stack_.Dray({"get", ":/tree", stack_.Target("back")});
  EXPECT_EQ(get.status, 0) << get.err;
  EXPECT_EQ(CountEntries(stack_.Path("outside")), 0u);
  EXPECT_THAT(Differences(stack_.Path("tree"), stack_.Target("back")), IsEmpty());
}

}  // namespace
}  // namespace dray::testing
