// Chunks that come as deltas: what a client sees on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "services/transfer/testing/test_file.h"
#include "services/transfer/testing/test_server.h"
#include "services/transfer/testing/wire_client.h"

namespace dray::transfer {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint16_t kRequest = 7;

class DeltaUploadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(client_.Greet({}, wire::v1::CHUNK_DELTAS).ok());
    ASSERT_TRUE(Upload(&client_, kRequest, "file", TestFile(old_)).ok());
  }

  // What the server says about the one leaf of `file` when it is put over "file".
  wire::v1::PutWanted Offer(WireClient* client, const TestFile& file) {
    EXPECT_TRUE(OpenUpload(client, kRequest, "file").ok());
    wire::v1::PutOffer offer;
    offer.set_node_ids(std::string(file.root.view()));
    EXPECT_TRUE(client->Call(FrameType::kPutOffer, kRequest, offer, FrameType::kPutKnown).ok());
    wire::v1::PutNode node;
    node.set_encoding(file.nodes[0].encoding);
    auto answer = client->Call(FrameType::kPutNode, kRequest, node, FrameType::kPutWanted);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->As<wire::v1::PutWanted>() : wire::v1::PutWanted();
  }

  static wire::v1::PutDelta DeltaFor(const wire::v1::PutWanted& wanted, const std::string& chunk) {
    wire::v1::PutDelta message;
    message.set_ordinal(wanted.ordinal());
    message.set_index(wanted.missing(0));
    message.set_delta(DeltaAgainst(wanted.bases(0), chunk));
    return message;
  }

  static std::string Edited(std::string content) {
    content.replace(5'000, 10, "a new text");
    return content;
  }

  // One chunk each: shorter than the least length.
  const std::string old_ = RandomContent(15'000, 1);
  const TestFile edited_{Edited(old_)};
  TestServer server_;
  WireClient client_{server_.address()};
};

TEST_F(DeltaUploadTest, AChunkMadeOfItsBaseIsTheChunk) {
  const wire::v1::PutWanted wanted = Offer(&client_, edited_);
  ASSERT_THAT(wanted.bases(), SizeIs(1));
  EXPECT_LE(wanted.bases(0).hashes().size(), old_.size() * 17 / 1000);
  const wire::v1::PutDelta delta = DeltaFor(wanted, edited_.content);
  EXPECT_LT(delta.delta().size(), old_.size() / 4);
  client_.Send(FrameType::kPutDelta, kRequest, delta);
  const auto done = CommitUpload(&client_, kRequest, edited_);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->version().number(), 2u);
  EXPECT_EQ(DownloadFile(&client_, kRequest, "file")->content, edited_.content);
}

TEST_F(DeltaUploadTest, AChunkThatComesOutWrongIsAskedForWhole) {
  const wire::v1::PutWanted wanted = Offer(&client_, edited_);
  ASSERT_THAT(wanted.bases(), SizeIs(1));
  // Of the right length, with other bytes: what a collision of hashes would do. The commit was
  // sent before the client knew.
  client_.Send(FrameType::kPutDelta, kRequest, DeltaFor(wanted, old_));
  wire::v1::PutCommit commit;
  commit.set_root(std::string(edited_.root.view()));
  *commit.mutable_metadata() = edited_.metadata();
  client_.Send(FrameType::kPutCommit, kRequest, commit);
  const auto again = client_.ReadUntil(FrameType::kPutAgain);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->As<wire::v1::PutAgain>().index(), wanted.missing(0));
  const auto stored = client_.ReadUntil(FrameType::kPutStored);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(server_.delta().version_count("file"), 1u);
  client_.SendBytes(DataFrameOf(edited_.chunks[0].id, edited_.content));
  const auto done = CommitUpload(&client_, kRequest, edited_);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(DownloadFile(&client_, kRequest, "file")->content, edited_.content);
}

TEST_F(DeltaUploadTest, WhatIsNoDeltaFailsTheUploadAndNothingElse) {
  const wire::v1::PutWanted wanted = Offer(&client_, edited_);
  ASSERT_THAT(wanted.bases(), SizeIs(1));
  wire::v1::PutDelta delta = DeltaFor(wanted, edited_.content);
  delta.set_delta("no delta");
  client_.Send(FrameType::kPutDelta, kRequest, delta);
  const auto failed = CommitUpload(&client_, kRequest, edited_);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kInvalidArgument) << failed.status();
  EXPECT_EQ(server_.delta().version_count("file"), 1u);
  EXPECT_TRUE(Upload(&client_, kRequest + 1, "file", TestFile(RandomContent(15'000, 2))).ok());
}

TEST_F(DeltaUploadTest, ADeltaThatExpandsTooFarIsRefused) {
  const wire::v1::PutWanted wanted = Offer(&client_, edited_);
  ASSERT_THAT(wanted.bases(), SizeIs(1));
  wire::v1::PutDelta delta = DeltaFor(wanted, edited_.content);
  delta.set_raw_bytes(0xFFFFFFFF);
  client_.Send(FrameType::kPutDelta, kRequest, delta);
  const auto failed = CommitUpload(&client_, kRequest, edited_);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kInvalidArgument) << failed.status();
}

TEST_F(DeltaUploadTest, ADeltaWithoutABaseIsRefused) {
  Offer(&client_, edited_);
  wire::v1::PutDelta delta;
  delta.set_ordinal(12);
  delta.set_index(3);
  client_.Send(FrameType::kPutDelta, kRequest, delta);
  const auto failed = CommitUpload(&client_, kRequest, edited_);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kInvalidArgument) << failed.status();
  EXPECT_THAT(failed.status().message(), HasSubstr("base"));
}

TEST_F(DeltaUploadTest, AClientThatDoesNotKnowDeltasIsToldNoBases) {
  WireClient plain(server_.address());
  ASSERT_TRUE(plain.Greet().ok());
  EXPECT_THAT(Offer(&plain, edited_).bases(), IsEmpty());
  plain.SendBytes(DataFrameOf(edited_.chunks[0].id, edited_.content));
  EXPECT_TRUE(CommitUpload(&plain, kRequest, edited_).ok());
}

}  // namespace
}  // namespace dray::transfer
