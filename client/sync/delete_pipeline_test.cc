// `sync --delete` to a server in this process, which knows batches of deletions or does not, and
// loses connections in the middle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>

#include "client/dray.h"
#include "client/testing/fake_server.h"
#include "client/testing/scratch_tree.h"

namespace dray {
namespace {

using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::ScratchTree;

constexpr int kFiles = 2000;
constexpr uint64_t kNames = kFiles + 1;  // a folder is with them
constexpr int kFullBatches = 8;

std::string Name(int i) { return "there/file " + std::to_string(i); }

class DeletePipelineTest : public ::testing::Test {
 protected:
  DeletePipelineTest() {
    tree_.MakeFolder("empty");
    script_.features = wire::v1::BATCH_DELETES;
    AddFolder("there");
    AddFolder("there/empty");
    for (int i = 0; i < kFiles; ++i) server_.AddFile(Name(i), "contents");
  }

  void AddFolder(const std::string& path) {
    wire::v1::Version version;
    version.set_path(path);
    version.set_number(1);
    version.mutable_metadata()->set_kind(wire::v1::FOLDER);
    server_.AddVersion(std::move(version));
  }
  // Leaves nothing in the folder of the server.
  Outcome Sync() {
    server_.SetScript(script_);
    ClientOptions options;
    options.server = server_.address();
    options.silence_timeout = silence_timeout_;
    options.sleep = [](absl::Duration) { return true; };
    Client client(options);
    return client.Sync(
        {.direction = SyncJob::Direction::kUpload, .local = tree_.Path("empty"), .remote = "there"},
        {.delete_extra = true});
  }
  void ExpectAllDeleted(const Outcome& outcome) {
    EXPECT_TRUE(outcome.ok()) << outcome.status;
    EXPECT_EQ(outcome.summary.deleted, kNames);
    EXPECT_THAT(server_.Paths(), ElementsAre("there"));
  }
  int BatchesSeen() { return server_.FramesSeen(FrameType::kPutBatch); }

  ScratchTree tree_;
  FakeServer server_;
  FakeServer::Script script_;
  absl::Duration silence_timeout_ = absl::Seconds(30);
};

TEST_F(DeletePipelineTest, NamesGoInBatchesAndFoldersByThemselves) {
  ExpectAllDeleted(Sync());
  EXPECT_EQ(server_.FramesSeen(FrameType::kDelete), 1);
  EXPECT_GE(BatchesSeen(), kFullBatches);
  EXPECT_LE(BatchesSeen(), kFullBatches + 1) << "the folder's own metadata may be one";
}

TEST_F(DeletePipelineTest, AServerThatKnowsNoBatchesIsAskedForEachName) {
  script_.features = 0;
  ExpectAllDeleted(Sync());
  EXPECT_EQ(server_.FramesSeen(FrameType::kDelete), kFiles + 1);
  EXPECT_LE(BatchesSeen(), 1);
}

TEST_F(DeletePipelineTest, ALostConnectionIsMadeGoodForBatches) {
  script_.on_frame = [](FrameType type, int count) {
    return type == FrameType::kPutBatch && count % 4 == 3 ? FakeServer::Action::kClose
                                                          : FakeServer::Action::kServe;
  };
  ExpectAllDeleted(Sync());
}

TEST_F(DeletePipelineTest, ARefusalIsOneEvenIfTheConnectionIsLostRightAfterIt) {
  script_.on_frame = [](FrameType type, int) {
    return type == FrameType::kDelete ? FakeServer::Action::kRefuse : FakeServer::Action::kServe;
  };
  script_.refusal.set_code(static_cast<int>(absl::StatusCode::kInvalidArgument));
  script_.refusal.set_message("told to");
  script_.rewrite = [](FrameType type, std::string* frame) {
    if (type != FrameType::kError) return;
    wire::v1::Error lost;
    lost.set_code(static_cast<int>(absl::StatusCode::kUnavailable));
    AppendControlFrame(FrameType::kError, 0, lost, frame);
  };
  const Outcome outcome = Sync();
  EXPECT_EQ(outcome.summary.deleted, kNames - 1);
  ASSERT_EQ(outcome.summary.failures.size(), 1u);
  EXPECT_EQ(outcome.summary.failures[0].remote, "there/empty");
  EXPECT_THAT(server_.Paths(), ElementsAre("there", "there/empty"));
}

TEST_F(DeletePipelineTest, ABatchWhoseAnswerIsLostIsSentAgainAsTheSame) {
  silence_timeout_ = absl::Milliseconds(500);
  std::atomic<int> answers = 0;
  script_.rewrite = [&answers](FrameType type, std::string* frame) {
    if (type == FrameType::kPutBatchDone && ++answers == 3) frame->clear();
  };
  ExpectAllDeleted(Sync());
  const std::vector<std::string> all = server_.OperationIds();
  const std::set<std::string> different(all.begin(), all.end());
  EXPECT_GT(all.size(), different.size());
  EXPECT_LE(different.size(), kFullBatches + 1u);
}

TEST_F(DeletePipelineTest, AServerMayKnowNoBatchesAnyMoreOnceItIsBack) {
  std::atomic<bool> older = false;
  script_.on_frame = [&older](FrameType type, int count) {
    if (type != FrameType::kPutBatch || count != 4) return FakeServer::Action::kServe;
    older = true;
    return FakeServer::Action::kClose;
  };
  script_.rewrite = [&older](FrameType type, std::string* frame) {
    if (type != FrameType::kWelcome || !older) return;
    frame->clear();
    AppendControlFrame(FrameType::kWelcome, 0, wire::v1::Welcome(), frame);
  };
  ExpectAllDeleted(Sync());
  EXPECT_GT(server_.FramesSeen(FrameType::kDelete), kFiles / 4);
}

TEST_F(DeletePipelineTest, WhatCannotBeDeletedIsToldAlone) {
  script_.undeletable = Name(700);
  const Outcome outcome = Sync();
  EXPECT_EQ(outcome.summary.deleted, kNames - 1);
  ASSERT_EQ(outcome.summary.failures.size(), 1u);
  EXPECT_EQ(outcome.summary.failures[0].remote, Name(700));
  EXPECT_EQ(outcome.summary.failures[0].status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(outcome.summary.failures[0].status.message(),
              HasSubstr("cannot delete there/file 700: told to"));
  EXPECT_THAT(server_.Paths(), ElementsAre("there", Name(700)));
}

TEST_F(DeletePipelineTest, ARefusedBatchFailsItsNamesOnly) {
  script_.on_frame = [](FrameType type, int count) {
    return type == FrameType::kPutBatch && count == 4 ? FakeServer::Action::kRefuse
                                                      : FakeServer::Action::kServe;
  };
  script_.refusal.set_code(static_cast<int>(absl::StatusCode::kInvalidArgument));
  script_.refusal.set_message("told to");
  const Outcome outcome = Sync();
  EXPECT_EQ(outcome.summary.deleted, kNames - 256);
  EXPECT_EQ(outcome.summary.failed, 256u);
}

}  // namespace
}  // namespace dray
