// A sync from a server in this process that tells roots only where it is asked for them: which ones
// are asked for, and what happens when the answer is not what it should be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "client/dray.h"
#include "client/testing/fake_server.h"
#include "client/testing/scratch_tree.h"

namespace dray {
namespace {

using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Noise;
using testing::ScratchTree;
using ::testing::SizeIs;

constexpr int kFiles = 600;

class SyncRootsTest : public ::testing::Test {
 protected:
  SyncRootsTest() {
    script_.features = wire::v1::ROOTS;
    AddFolder("there");
    for (int i = 0; i < kFiles; ++i) server_.AddFile(Name(i), "contents " + std::to_string(i));
  }

  static std::string Name(int i) { return "there/file" + std::to_string(i); }
  void AddFolder(const std::string& path) {
    wire::v1::Version version;
    version.set_path(path);
    version.set_number(1);
    version.mutable_metadata()->set_kind(wire::v1::FOLDER);
    version.mutable_metadata()->set_mode(0755);
    server_.AddVersion(std::move(version));
  }
  Outcome Sync(SyncOptions sync = {}) {
    server_.SetScript(script_);
    ClientOptions options;
    options.server = server_.address();
    options.sleep = [](absl::Duration) { return true; };
    Client client(options);
    return client.Sync({.direction = SyncJob::Direction::kDownload,
                        .local = tree_.Path("here"),
                        .remote = "there"},
                       sync);
  }
  // Returns what was received.
  uint64_t SyncOk(SyncOptions sync = {}) {
    const Outcome outcome = Sync(std::move(sync));
    EXPECT_TRUE(outcome.ok()) << outcome.status;
    for (const FileReport& failure : outcome.summary.failures) ADD_FAILURE() << failure.status;
    return outcome.summary.bytes_received;
  }
  void ExpectSame() {
    for (const std::string& path : server_.Paths()) {
      if (path == "there" || path == "there/new") continue;
      const std::string here = "here" + path.substr(5);
      EXPECT_TRUE(tree_.Exists(here) && tree_.Read(here) == server_.Contents(path)) << path;
    }
  }
  int Questions() { return server_.FramesSeen(FrameType::kGetRoots); }

  ScratchTree tree_;
  FakeServer server_;
  FakeServer::Script script_;
};

TEST_F(SyncRootsTest, AFirstSyncGetsThemWithTheList) {
  SyncOk();
  ExpectSame();
  EXPECT_EQ(Questions(), 0);
}

TEST_F(SyncRootsTest, AnEmptyFolderIsAsNone) {
  tree_.MakeFolder("here");
  SyncOk();
  ExpectSame();
  EXPECT_EQ(Questions(), 0);
}

TEST_F(SyncRootsTest, NoneIsAskedForWhereNothingIsToBeMade) {
  SyncOk();
  tree_.SetMode("here/file7", 0600);
  SyncOk();
  ExpectSame();
  EXPECT_EQ(Questions(), 0);
}

TEST_F(SyncRootsTest, ThoseOfChangedFilesAreAskedForTogether) {
  SyncOk();
  for (int i = 0; i < 300; ++i) server_.AddFile(Name(2 * i), "changed to " + std::to_string(i));
  SyncOk();
  ExpectSame();
  EXPECT_EQ(Questions(), 2);
}

// The first answer is held back until the second question has come.
TEST_F(SyncRootsTest, AQuestionDoesNotWaitForTheAnswerToTheOneBefore) {
  SyncOk();
  for (int i = 0; i < 300; ++i) server_.AddFile(Name(2 * i), "changed to " + std::to_string(i));
  std::string held;
  script_.rewrite = [&held](FrameType type, std::string* frame) {
    if (type != FrameType::kRoots) return;
    if (held.empty()) {
      held.swap(*frame);
    } else {
      frame->insert(0, held);
    }
  };
  SyncOk();
  ExpectSame();
  EXPECT_EQ(Questions(), 2);
}

TEST_F(SyncRootsTest, AServerThatCannotBeAskedTellsThemAll) {
  script_.features = 0;
  SyncOk();
  for (int i = 0; i < 300; ++i) server_.AddFile(Name(2 * i), "changed to " + std::to_string(i));
  server_.AddFile("there/new", "");
  SyncOk();
  ExpectSame();
  EXPECT_EQ(Questions(), 0);
}

TEST_F(SyncRootsTest, AllAreToldWhereContentsAreCompared) {
  SyncOk();
  server_.AddFile(Name(3), "contents X");
  tree_.Write("here/file3", "contents Y");
  tree_.SetTime("here/file3", 1'000'000'000'123'456'789);
  SyncOptions checksum;
  checksum.checksum = true;
  SyncOk(checksum);
  ExpectSame();
  EXPECT_EQ(Questions(), 0);
}

TEST_F(SyncRootsTest, MovedFilesAreMovedHere) {
  for (int i = 0; i < 20; ++i) server_.AddFile("there/m" + std::to_string(i), Noise(50'000, i));
  SyncOk();
  // One that stays is like one that is new; another is moved.
  AddFolder("there/new");
  for (int i = 0; i < 20; ++i) {
    server_.AddFile("there/new/" + std::to_string(i), Noise(50'000, i));
    if (i % 2 == 0) continue;
    wire::v1::Version gone;
    gone.set_path("there/m" + std::to_string(i));
    gone.set_number(2);
    gone.mutable_metadata()->set_kind(wire::v1::DELETED);
    server_.AddVersion(std::move(gone));
  }
  SyncOptions deleting;
  deleting.delete_extra = true;
  EXPECT_LT(SyncOk(deleting), 50'000u);
  ExpectSame();
  EXPECT_EQ(Questions(), 2) << "of what is missing, and of what is kept and as long as it";
}

TEST_F(SyncRootsTest, ItIsNotAskedOfManyFilesWhetherASmallOneIsLikeThem) {
  for (int i = 0; i < 100; ++i) server_.AddFile("there/k" + std::to_string(i), Noise(5'000, i));
  SyncOk();
  const int gets = server_.FramesSeen(FrameType::kGet);
  server_.AddFile("there/like", Noise(5'000, 0));
  SyncOk();
  ExpectSame();
  EXPECT_EQ(Questions(), 1) << "a hundred roots are longer than the file";
  EXPECT_EQ(server_.FramesSeen(FrameType::kGet), gets + 1);
}

TEST_F(SyncRootsTest, WhatIsGoneWhenItIsAskedForFailsAlone) {
  SyncOk();
  for (int i = 0; i < 10; ++i) server_.AddFile(Name(i), "changed to " + std::to_string(i));
  script_.rewrite = [](FrameType type, std::string* frame) {
    if (type == FrameType::kRoots) std::fill_n(frame->end() - 2 * 32, 32, '\0');
  };
  const Outcome outcome = Sync();
  ASSERT_THAT(outcome.summary.failures, SizeIs(1));
  EXPECT_EQ(outcome.summary.failures[0].remote, Name(8));
  EXPECT_THAT(outcome.summary.failures[0].status.message(), HasSubstr("gone from the server"));
  EXPECT_EQ(tree_.Read("here/file8"), "contents 8");
  EXPECT_EQ(tree_.Read("here/file9"), "changed to 9");
}

TEST_F(SyncRootsTest, AWrongRootTakesNothingAway) {
  SyncOk();
  server_.AddFile(Name(4), "changed");
  script_.rewrite = [](FrameType type, std::string* frame) {
    if (type == FrameType::kRoots) frame->back() ^= 1;
  };
  const Outcome outcome = Sync();
  ASSERT_THAT(outcome.summary.failures, SizeIs(1));
  EXPECT_EQ(outcome.summary.failures[0].status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(tree_.Read("here/file4"), "contents 4");
}

TEST_F(SyncRootsTest, AnAnswerToAnotherQuestionIsRefused) {
  SyncOk();
  server_.AddFile(Name(4), "changed");
  script_.rewrite = [](FrameType type, std::string* frame) {
    if (type != FrameType::kRoots) return;
    const auto header =
        DecodeFrameHeader(reinterpret_cast<const uint8_t*>(frame->data()), kMaxFramePayloadBytes);
    frame->clear();
    wire::v1::Roots two;
    two.set_roots(std::string(64, 'r'));
    AppendControlFrame(FrameType::kRoots, header->request, two, frame);
  };
  const Outcome outcome = Sync();
  EXPECT_THAT(outcome.status.message(), HasSubstr("not one root for each version"));
  EXPECT_EQ(tree_.Read("here/file4"), "contents 4");
}

TEST_F(SyncRootsTest, ALostConnectionIsMadeGood) {
  SyncOk();
  for (int i = 0; i < 300; ++i) server_.AddFile(Name(i), "changed to " + std::to_string(i));
  script_.on_frame = [](FrameType type, int count) {
    return type == FrameType::kGetRoots && count % 2 == 0 ? FakeServer::Action::kClose
                                                          : FakeServer::Action::kServe;
  };
  SyncOk();
  ExpectSame();
  EXPECT_EQ(Questions(), 4);
}

}  // namespace
}  // namespace dray
