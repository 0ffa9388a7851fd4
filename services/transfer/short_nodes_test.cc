// Nodes that are told in short: what a client sees on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/chunking/leaf_edit.h"
#include "services/transfer/testing/test_file.h"
#include "services/transfer/testing/test_server.h"
#include "services/transfer/testing/wire_client.h"

namespace dray::transfer {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr uint16_t kRequest = 7;

class ShortNodesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(client_.Greet({}, wire::v1::CHUNK_DELTAS | wire::v1::SHORT_NODES).ok());
    ASSERT_TRUE(Upload(&client_, kRequest, "file", TestFile(old_)).ok());
    ASSERT_THAT(edited_.nodes, SizeIs(1));
    ASSERT_GT(edited_.chunks.size(), 5u);
  }

  // What the server says to the leaf of the edited file when it is put over "file".
  wire::v1::PutKnown Offer(WireClient* client) {
    EXPECT_TRUE(OpenUpload(client, kRequest, "file").ok());
    wire::v1::PutOffer offer;
    offer.set_node_ids(std::string(edited_.root.view()));
    offer.add_shapes(edited_.content.size() * 16);
    auto known = client->Call(FrameType::kPutOffer, kRequest, offer, FrameType::kPutKnown);
    EXPECT_TRUE(known.ok()) << known.status();
    return known.ok() ? known->As<wire::v1::PutKnown>() : wire::v1::PutKnown();
  }
  void TellEdit(const LeafEdit& edit) {
    wire::v1::PutNode node;
    node.mutable_edit()->mutable_runs()->Add(edit.runs.begin(), edit.runs.end());
    node.mutable_edit()->set_entries(edit.fresh);
    client_.Send(FrameType::kPutNode, kRequest, node);
  }
  LeafEdit EditFor(const wire::v1::PutKnown& known) const {
    return MakeLeafEdit(edited_.nodes[0].encoding, known.olds(0).short_ids());
  }
  static std::string Edited(std::string content) {
    content.replace(400'000, 10, "a new text");
    return content;
  }

  const std::string old_ = RandomContent(800'000, 1);
  const TestFile edited_{Edited(old_)};
  TestServer server_;
  WireClient client_{server_.address()};
};

TEST_F(ShortNodesTest, ALeafToldByItsEditIsTheLeaf) {
  const wire::v1::PutKnown known = Offer(&client_);
  ASSERT_THAT(known.olds(), SizeIs(1));
  const LeafEdit edit = EditFor(known);
  EXPECT_THAT(edit.fresh, SizeIs(kLeafEntryBytes));
  TellEdit(edit);
  const auto wanted = client_.ReadUntil(FrameType::kPutWanted);
  ASSERT_TRUE(wanted.ok()) << wanted.status();
  const auto missing = wanted->As<wire::v1::PutWanted>().missing();
  ASSERT_THAT(missing, SizeIs(1));
  const TestFile::Chunk& chunk = edited_.chunks[missing[0]];
  client_.SendBytes(DataFrameOf(chunk.id, chunk.bytes));
  const auto done = CommitUpload(&client_, kRequest, edited_);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(DownloadFile(&client_, kRequest, "file")->content, edited_.content);
}

TEST_F(ShortNodesTest, WhatComesOutWrongFailsTheUploadAndMayBeToldWhole) {
  LeafEdit edit = EditFor(Offer(&client_));
  edit.fresh[0] ^= 1;
  TellEdit(edit);
  const auto failed = CommitUpload(&client_, kRequest, edited_);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kAborted) << failed.status();
  EXPECT_EQ(server_.delta().version_count("file"), 1u);
  EXPECT_TRUE(Upload(&client_, kRequest + 1, "file", edited_).ok());
}

TEST_F(ShortNodesTest, WhatIsNoEditFailsTheUpload) {
  Offer(&client_);
  TellEdit({{0, 0, 100'000}, ""});
  const auto failed = CommitUpload(&client_, kRequest, edited_);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kInvalidArgument) << failed.status();
  EXPECT_THAT(failed.status().message(), HasSubstr("edit"));
}

TEST_F(ShortNodesTest, AClientThatDoesNotKnowThemIsToldNoOldEntries) {
  WireClient plain(server_.address());
  ASSERT_TRUE(plain.Greet({}, wire::v1::CHUNK_DELTAS).ok());
  EXPECT_THAT(Offer(&plain).olds(), SizeIs(0));
}

}  // namespace
}  // namespace dray::transfer
