// The whole service in this process, with a delta in memory: what a client sees on the wire.
#include "services/transfer/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "services/transfer/testing/test_file.h"
#include "services/transfer/testing/test_server.h"
#include "services/transfer/testing/wire_client.h"

namespace dray::transfer {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr uint16_t kRequest = 7;

void AddDeletion(const std::string& path, wire::v1::PutBatch* batch) {
  wire::v1::BatchItem* const item = batch->add_items();
  item->set_path(path);
  item->mutable_metadata()->set_kind(wire::v1::DELETED);
}

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(client_.Greet().ok()); }

  TestServer server_;
  WireClient client_{server_.address()};
};

TEST_F(ServerTest, WhatIsUploadedIsDownloaded) {
  const TestFile file(RandomContent(3'000'000, 1));
  uint64_t sent = 0;
  const auto done = Upload(&client_, kRequest, "folder/file", file, &sent);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->version().number(), 1u);
  EXPECT_EQ(sent, file.content.size());
  const auto got = DownloadFile(&client_, kRequest, "folder/file");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->content, file.content);
  EXPECT_EQ(got->items.items(0).version().root(), file.root.view());
}

TEST_F(ServerTest, ABriefAnswerTellsOfVersionsTheirRootsAlone) {
  const TestFile file(RandomContent(50'000, 2));
  ASSERT_TRUE(Upload(&client_, kRequest, "file", file).ok());
  wire::v1::Get get;
  get.set_brief(true);
  get.add_items()->mutable_version()->set_path("file");
  const auto downloaded = DownloadAll(&client_, kRequest, get);
  ASSERT_TRUE(downloaded.ok()) << downloaded.status();
  wire::v1::Version root;
  root.set_root(std::string(file.root.view()));
  EXPECT_EQ(downloaded->items.items(0).version().SerializeAsString(), root.SerializeAsString());
  EXPECT_EQ(downloaded->content, file.content);
}

TEST_F(ServerTest, KnownChunksAreNotAskedForAgain) {
  const std::string content = RandomContent(2'000'000, 2);
  ASSERT_TRUE(Upload(&client_, kRequest, "a", TestFile(content)).ok());
  uint64_t sent = 1;
  ASSERT_TRUE(Upload(&client_, kRequest, "copy", TestFile(content), &sent).ok());
  EXPECT_EQ(sent, 0u);
  const TestFile longer("one more" + content);
  ASSERT_TRUE(Upload(&client_, kRequest, "a", longer, &sent).ok());
  EXPECT_GT(sent, 0u);
  EXPECT_LT(sent, content.size() / 2);
  EXPECT_EQ(DownloadFile(&client_, kRequest, "a")->content, longer.content);
}

TEST_F(ServerTest, TheSameAgainMakesNoVersion) {
  const TestFile file(RandomContent(100'000, 3));
  ASSERT_TRUE(Upload(&client_, kRequest, "file", file).ok());
  const auto again = Upload(&client_, kRequest, "file", file);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->unchanged());
  EXPECT_EQ(server_.delta().version_count("file"), 1u);
}

TEST_F(ServerTest, AChunkThatIsNotWhatItIsCalledIsNotKept) {
  const TestFile file(RandomContent(100'000, 4));
  ASSERT_TRUE(OpenUpload(&client_, kRequest, "file").ok());
  const auto wanted = OfferFile(&client_, kRequest, file);
  ASSERT_TRUE(wanted.ok()) << wanted.status();
  ASSERT_FALSE(wanted->empty());
  std::string lie = wanted->front().bytes;
  lie[lie.size() / 2] ^= 1;
  client_.SendBytes(DataFrameOf(wanted->front().id, lie));
  const auto done = CommitUpload(&client_, kRequest, file);
  EXPECT_FALSE(done.ok());
  EXPECT_EQ(server_.delta().chunk_count(), 0u);
  EXPECT_EQ(server_.delta().version_count("file"), 0u);
}

TEST_F(ServerTest, ACommitWithoutItsDataFails) {
  const TestFile file(RandomContent(500'000, 5));
  ASSERT_TRUE(OpenUpload(&client_, kRequest, "file").ok());
  ASSERT_TRUE(OfferFile(&client_, kRequest, file).ok());
  EXPECT_FALSE(CommitUpload(&client_, kRequest, file).ok());
  EXPECT_EQ(server_.delta().version_count("file"), 0u);
}

TEST_F(ServerTest, DataThatNobodyAskedForEndsTheConnection) {
  const TestFile file(RandomContent(50'000, 6));
  client_.SendBytes(DataFrameOf(file.chunks[0].id, file.chunks[0].bytes));
  EXPECT_FALSE(client_.ReadUntil(FrameType::kPutStored).ok());
  EXPECT_TRUE(client_.ReadToEnd());
  EXPECT_EQ(server_.delta().chunk_count(), 0u);
}

// The client does not wait for PutStored.
TEST_F(ServerTest, MoreDataThanWasGrantedIsRefused) {
  TestServer small([](Server::Options* options) { options->native.unacknowledged_bytes = 64'000; });
  WireClient client(small.address());
  ASSERT_TRUE(client.Greet().ok());
  const TestFile file(RandomContent(500'000, 9));
  ASSERT_TRUE(OpenUpload(&client, kRequest, "file").ok());
  const auto wanted = OfferFile(&client, kRequest, file);
  ASSERT_TRUE(wanted.ok()) << wanted.status();
  std::string data;
  for (const auto& chunk : *wanted) data += DataFrameOf(chunk.id, chunk.bytes);
  client.SendBytes(data);
  const absl::Status refused = client.ReadUntil(FrameType::kPutDone).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("more than 64000 bytes of data"));
  EXPECT_EQ(small.delta().version_count("file"), 0u);
}

TEST_F(ServerTest, ABatchBringsItsContents) {
  const std::vector<TestFile> files = {TestFile("first"), TestFile(""),
                                       TestFile(RandomContent(20'000, 7))};
  wire::v1::PutBatch batch;
  batch.set_operation_id(NewOperationId());
  std::string frames;
  for (size_t i = 0; i < files.size(); ++i) {
    *batch.add_items() = files[i].ToBatchItem("batch/" + std::to_string(i));
    for (const auto& chunk : files[i].chunks) {
      frames += DataFrameOf(chunk.id, chunk.bytes);
      batch.set_data_frames(batch.data_frames() + 1);
    }
  }
  client_.Send(FrameType::kPutBatch, kRequest, batch);
  client_.SendBytes(frames);
  const auto frame = client_.ReadUntil(FrameType::kPutBatchDone);
  ASSERT_TRUE(frame.ok()) << frame.status();
  const auto done = frame->As<wire::v1::PutBatchDone>();
  ASSERT_THAT(done.answers(), SizeIs(3));
  for (const auto& answer : done.answers()) {
    EXPECT_FALSE(answer.has_error()) << answer.error().message();
    EXPECT_EQ(answer.version(), 1u);
  }
  for (size_t i = 0; i < files.size(); ++i) {
    const auto got = DownloadFile(&client_, kRequest, "batch/" + std::to_string(i));
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->content, files[i].content);
  }
}

TEST_F(ServerTest, ABatchDeletes) {
  WireClient client(server_.address());
  ASSERT_TRUE(client.Greet({}, wire::v1::BATCH_DELETES).ok());
  for (const char* path : {"a", "b"}) {
    ASSERT_TRUE(Upload(&client, kRequest, path, TestFile("contents")).ok());
  }
  wire::v1::PutBatch batch;
  batch.set_operation_id(NewOperationId());
  for (const char* path : {"a", "b"}) AddDeletion(path, &batch);
  // In the place of what was deleted.
  *batch.add_items() = TestFile("").ToBatchItem("a");
  const auto frame = client.Call(FrameType::kPutBatch, kRequest, batch, FrameType::kPutBatchDone);
  ASSERT_TRUE(frame.ok()) << frame.status();
  const auto done = frame->As<wire::v1::PutBatchDone>();
  ASSERT_THAT(done.answers(), SizeIs(3));
  EXPECT_EQ(done.answers(0).version(), 2u) << done.answers(0).error().message();
  EXPECT_EQ(done.answers(1).version(), 2u) << done.answers(1).error().message();
  EXPECT_EQ(done.answers(2).version(), 3u) << done.answers(2).error().message();
}

TEST_F(ServerTest, ABatchThatMayNotDeleteIsRefused) {
  WireClient knowing(server_.address());
  ASSERT_TRUE(knowing.Greet({}, wire::v1::BATCH_DELETES).ok());
  const auto refused = [](WireClient* client, wire::v1::PutBatch batch) {
    batch.set_operation_id(NewOperationId());
    return client->Call(FrameType::kPutBatch, kRequest, batch, FrameType::kPutBatchDone).status();
  };
  wire::v1::PutBatch batch;
  AddDeletion("a", &batch);
  EXPECT_TRUE(absl::IsInvalidArgument(refused(&client_, batch))) << "the feature is not agreed on";
  wire::v1::PutBatch chunks = batch;
  *chunks.mutable_items(0)->mutable_chunks() = TestFile("x").ToBatchItem("a").chunks();
  EXPECT_TRUE(absl::IsInvalidArgument(refused(&knowing, chunks)));
  wire::v1::PutBatch twice = batch;
  AddDeletion("a", &twice);
  EXPECT_TRUE(absl::IsInvalidArgument(refused(&knowing, twice)));
  wire::v1::PutBatch after;
  *after.add_items() = TestFile("").ToBatchItem("a");
  AddDeletion("a", &after);
  EXPECT_TRUE(absl::IsInvalidArgument(refused(&knowing, after)));
  EXPECT_EQ(server_.delta().version_count("a"), 0u);
}

TEST_F(ServerTest, AMissingFileIsNamed) {
  const auto got = DownloadFile(&client_, kRequest, "no/such");
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_THAT(got->items.items(), SizeIs(1));
  EXPECT_EQ(got->items.items(0).error().code(), static_cast<int>(absl::StatusCode::kNotFound));
  EXPECT_THAT(got->items.items(0).error().message(), HasSubstr("no/such"));
}

TEST_F(ServerTest, DeltaIsAwayAndComesBack) {
  const TestFile file(RandomContent(100'000, 8));
  server_.delta().Stop();
  ASSERT_TRUE(OpenUpload(&client_, kRequest, "file").ok());
  const absl::Status away = OfferFile(&client_, kRequest, file).status();
  EXPECT_TRUE(absl::IsUnavailable(away)) << away;
  server_.delta().Start();
  // Until the channel has noticed.
  absl::StatusOr<wire::v1::PutDone> done = absl::UnavailableError("not tried");
  for (int attempt = 0; attempt < 60 && !done.ok(); ++attempt) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    WireClient again(server_.address());
    ASSERT_TRUE(again.Greet().ok());
    done = Upload(&again, kRequest, "file", file);
  }
  ASSERT_TRUE(done.ok()) << done.status();
}

TEST_F(ServerTest, ADeltaThatDoesNotAnswerIsWaitedForUpToADeadline) {
  TestServer server(
      [](Server::Options* options) { options->delta_deadline = std::chrono::milliseconds(200); });
  const TestFile file(RandomContent(100'000, 10));
  {
    WireClient client(server.address());
    ASSERT_TRUE(client.Greet().ok());
    ASSERT_TRUE(Upload(&client, kRequest, "file", file).ok());
  }
  server.delta().SetDelay(absl::Seconds(3));
  const auto ask = [&](FrameType type, const google::protobuf::MessageLite& question,
                       FrameType answer) {
    WireClient client(server.address());
    ASSERT_TRUE(client.Greet().ok());
    const auto frame = client.Call(type, kRequest, question, answer);
    absl::Status status = frame.status();
    if (frame.ok() && answer == FrameType::kGetItems) {
      status = ToStatus(frame->As<wire::v1::GetItems>().items(0).error());
    }
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << FrameTypeName(type) << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr(server.delta().address())) << FrameTypeName(type);
  };
  wire::v1::Get get;
  get.add_items()->mutable_version()->set_path("file");
  ask(FrameType::kGet, get, FrameType::kGetItems);
  wire::v1::GetEntries entries;
  entries.mutable_version()->set_path("file");
  ask(FrameType::kGetEntries, entries, FrameType::kEntries);
  ask(FrameType::kList, wire::v1::List(), FrameType::kVersions);
  wire::v1::History history;
  history.set_path("file");
  ask(FrameType::kHistory, history, FrameType::kVersions);
  wire::v1::Stat stat;
  stat.mutable_version()->set_path("file");
  ask(FrameType::kStat, stat, FrameType::kChanged);

  WireClient client(server.address());
  ASSERT_TRUE(client.Greet().ok());
  ASSERT_TRUE(OpenUpload(&client, kRequest, "other").ok());
  const absl::Status late = OfferFile(&client, kRequest, file).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(late)) << late;
}

// The one here does not know of them.
TEST_F(ServerTest, AnOlderDeltaIsNamedWhereItKnowsNoRetention) {
  wire::v1::SetRetention set;
  set.mutable_retention()->set_keep_last(3);
  for (const auto& answer :
       {client_.Call(FrameType::kSetRetention, kRequest, set, FrameType::kRetentions),
        client_.Call(FrameType::kListRetentions, kRequest, wire::v1::ListRetentions(),
                     FrameType::kRetentions)}) {
    EXPECT_TRUE(absl::IsUnimplemented(answer.status())) << answer.status();
    EXPECT_THAT(answer.status().message(), HasSubstr("upgrade dray-delta"));
  }
  set.mutable_retention()->set_path("/a");
  const auto wrong = client_.Call(FrameType::kSetRetention, kRequest, set, FrameType::kRetentions);
  EXPECT_TRUE(absl::IsInvalidArgument(wrong.status())) << wrong.status();
}

TEST_F(ServerTest, AnOlderDeltaIsNamedWhereItKnowsNoDeletionsInBatches) {
  WireClient client(server_.address());
  ASSERT_TRUE(client.Greet({}, wire::v1::BATCH_DELETES).ok());
  server_.delta().BecomeOld();
  wire::v1::PutBatch batch;
  batch.set_operation_id(NewOperationId());
  AddDeletion("file", &batch);
  const auto frame = client.Call(FrameType::kPutBatch, kRequest, batch, FrameType::kPutBatchDone);
  ASSERT_TRUE(frame.ok()) << frame.status();
  const auto done = frame->As<wire::v1::PutBatchDone>();
  ASSERT_THAT(done.answers(), SizeIs(1));
  EXPECT_THAT(done.answers(0).error().message(), HasSubstr("upgrade dray-delta"));
}

TEST_F(ServerTest, AnOlderDeltaIsNamedWhereItCannotBeAskedForRoots) {
  server_.delta().BecomeOld();
  wire::v1::GetRoots get;
  get.add_versions()->set_path("file");
  const auto answer = client_.Call(FrameType::kGetRoots, kRequest, get, FrameType::kRoots);
  EXPECT_TRUE(absl::IsUnimplemented(answer.status())) << answer.status();
  EXPECT_THAT(answer.status().message(), HasSubstr("upgrade dray-delta"));
}

// The one here leaves a request's time away.
TEST_F(ServerTest, AnOlderDeltaIsNotTakenForOneThatKnowsThePast) {
  const TestFile file(RandomContent(1000, 13));
  ASSERT_TRUE(Upload(&client_, kRequest, "folder/file", file).ok());
  wire::v1::List list;
  list.set_path("folder");
  EXPECT_TRUE(client_.Call(FrameType::kList, kRequest, list, FrameType::kVersions).ok());
  list.set_at_ns(1'700'000'000'000'000'000);
  const auto listed = client_.Call(FrameType::kList, kRequest, list, FrameType::kVersions);
  EXPECT_TRUE(absl::IsUnimplemented(listed.status())) << listed.status();
  EXPECT_THAT(listed.status().message(), HasSubstr("upgrade dray-delta"));
  wire::v1::Stat stat;
  stat.mutable_version()->set_path("folder/file");
  stat.mutable_version()->set_at_ns(1'700'000'000'000'000'000);
  const auto told = client_.Call(FrameType::kStat, kRequest, stat, FrameType::kChanged);
  EXPECT_TRUE(absl::IsUnimplemented(told.status())) << told.status();
}

// Delta owes nothing meanwhile.
TEST_F(ServerTest, AClientMayTakeItsTime) {
  TestServer server(
      [](Server::Options* options) { options->delta_deadline = std::chrono::milliseconds(200); });
  const TestFile file(RandomContent(100'000, 11));
  WireClient client(server.address());
  ASSERT_TRUE(client.Greet().ok());
  ASSERT_TRUE(OpenUpload(&client, kRequest, "file").ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const auto wanted = OfferFile(&client, kRequest, file);
  ASSERT_TRUE(wanted.ok()) << wanted.status();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  for (const auto& chunk : *wanted) client.SendBytes(DataFrameOf(chunk.id, chunk.bytes));
  const auto done = CommitUpload(&client, kRequest, file);
  EXPECT_TRUE(done.ok()) << done.status();
}

// An upload whose chunks are all known, but not its node, sent without waiting for any answer.
void SendAtOnce(WireClient* client, const TestFile& known) {
  Node leaf = known.nodes[0].node;
  std::reverse(leaf.entries.begin(), leaf.entries.end());
  const std::string encoding = EncodeNode(leaf);
  const std::string root(IdOfNode(AsBytes(encoding)).view());
  ASSERT_TRUE(OpenUpload(client, kRequest, "backwards").ok());
  wire::v1::PutOffer offer;
  offer.set_node_ids(root);
  client->Send(FrameType::kPutOffer, kRequest, offer);
  wire::v1::PutNode node;
  node.set_encoding(encoding);
  client->Send(FrameType::kPutNode, kRequest, node);
  wire::v1::PutCommit commit;
  commit.set_root(root);
  *commit.mutable_metadata() = known.metadata();
  client->Send(FrameType::kPutCommit, kRequest, commit);
}

TEST_F(ServerTest, ACommitWaitsForDeltasAnswers) {
  const TestFile known(RandomContent(300'000, 12));
  ASSERT_TRUE(Upload(&client_, kRequest, "known", known).ok());
  server_.delta().SetDelay(absl::Milliseconds(300));  // of which the node takes two
  SendAtOnce(&client_, known);
  const auto done = client_.ReadUntil(FrameType::kPutDone);
  EXPECT_TRUE(done.ok()) << done.status();
}

TEST_F(ServerTest, ACommitWaitsInVainForADeltaThatIsGone) {
  const TestFile known(RandomContent(300'000, 13));
  ASSERT_TRUE(Upload(&client_, kRequest, "known", known).ok());
  server_.delta().SetDelay(absl::Seconds(1));
  SendAtOnce(&client_, known);
  server_.delta().Stop();
  const absl::Status gone = client_.ReadUntil(FrameType::kPutDone).status();
  EXPECT_TRUE(absl::IsUnavailable(gone)) << gone;
  EXPECT_EQ(server_.delta().version_count("backwards"), 0u);
}

TEST_F(ServerTest, ASlowAnswerIsAnnounced) {
  TestServer slow([](Server::Options* options) {
    options->native.working_period = std::chrono::milliseconds(50);
  });
  WireClient client(slow.address());
  ASSERT_TRUE(client.Greet().ok());
  slow.delta().SetDelay(absl::Milliseconds(400));
  wire::v1::Stat stat;
  stat.mutable_version()->set_path("x");
  client.Send(FrameType::kStat, kRequest, stat);
  const auto frame = client.ReadAny();
  ASSERT_TRUE(frame.ok()) << frame.status();
  EXPECT_EQ(frame->header.type, FrameType::kWorking);
  EXPECT_EQ(frame->header.request, kRequest);
}

TEST_F(ServerTest, DrainLetsAnUploadFinish) {
  const TestFile file(RandomContent(1'000'000, 9));
  ASSERT_TRUE(OpenUpload(&client_, kRequest, "file").ok());
  const auto wanted = OfferFile(&client_, kRequest, file);
  ASSERT_TRUE(wanted.ok()) << wanted.status();
  std::thread drain([this] { server_.server().Drain(std::chrono::seconds(60), "test"); });
  for (const auto& chunk : *wanted) client_.SendBytes(DataFrameOf(chunk.id, chunk.bytes));
  const auto done = CommitUpload(&client_, kRequest, file);
  EXPECT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(client_.ReadToEnd());
  drain.join();
  EXPECT_EQ(server_.delta().version_count("file"), 1u);
}

TEST_F(ServerTest, MoreConnectionsThanAllowedAreToldSo) {
  TestServer small([](Server::Options* options) { options->max_connections = 1; });
  WireClient first(small.address());
  ASSERT_TRUE(first.Greet().ok());
  WireClient second(small.address());
  const absl::Status refused = second.Greet();
  EXPECT_FALSE(refused.ok());
  EXPECT_TRUE(absl::IsResourceExhausted(refused) || absl::IsUnavailable(refused)) << refused;
  EXPECT_THAT(refused.message(), HasSubstr("connections"));
}

}  // namespace
}  // namespace dray::transfer
