// Deltas in batches: what a client sees on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "services/transfer/testing/test_file.h"
#include "services/transfer/testing/test_server.h"
#include "services/transfer/testing/wire_client.h"

namespace dray::transfer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint16_t kRequest = 7;

class BatchDeltasTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(client_.Greet({}, wire::v1::BATCH_DELTAS).ok());
    ASSERT_TRUE(Upload(&client_, kRequest, "file", TestFile(old_)).ok());
  }

  // The answers to a batch of `file` as "file", with these deltas and data frames.
  static absl::StatusOr<wire::v1::PutBatchDone> Send(
      WireClient* client, const TestFile& file, const std::vector<wire::v1::BatchDelta>& deltas,
      const std::string& frames = "") {
    wire::v1::PutBatch batch;
    batch.set_operation_id(NewOperationId());
    *batch.add_items() = file.ToBatchItem("file");
    for (const auto& delta : deltas) *batch.mutable_items(0)->add_deltas() = delta;
    *batch.add_items() = TestFile("").ToBatchItem("beside");
    batch.set_data_frames(frames.empty() ? 0 : 1);
    client->Send(FrameType::kPutBatch, kRequest, batch);
    client->SendBytes(frames);
    const auto frame = client->ReadUntil(FrameType::kPutBatchDone);
    if (!frame.ok()) return frame.status();
    const auto done = frame->As<wire::v1::PutBatchDone>();
    EXPECT_THAT(done.answers(), SizeIs(2));
    EXPECT_EQ(done.answers(1).version(), 1u) << "the other item is taken whatever this one is";
    return done;
  }
  wire::v1::PutBatchDone::Answer Put(const std::vector<wire::v1::BatchDelta>& deltas,
                                     const std::string& frames = "") {
    const auto done = Send(&client_, edited_, deltas, frames);
    EXPECT_TRUE(done.ok()) << done.status();
    return done.ok() ? done->answers(0) : wire::v1::PutBatchDone::Answer();
  }

  static wire::v1::BatchDelta DeltaFor(const wire::v1::PutBatchDone::Answer& answer,
                                       const std::string& chunk) {
    wire::v1::BatchDelta message;
    message.set_index(answer.missing(0));
    message.set_delta(DeltaAgainst(answer.bases(0), chunk));
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

TEST_F(BatchDeltasTest, AChunkMadeOfItsBaseIsTheChunk) {
  const auto lacking = Put({});
  ASSERT_THAT(lacking.missing(), ElementsAre(0));
  ASSERT_THAT(lacking.bases(), SizeIs(1));
  EXPECT_EQ(lacking.bases(0).first(), 0u);
  EXPECT_EQ(lacking.bases(0).count(), 1u);
  EXPECT_LE(lacking.bases(0).hashes().size(), old_.size() * 17 / 1000);
  const wire::v1::BatchDelta delta = DeltaFor(lacking, edited_.content);
  EXPECT_LT(delta.delta().size(), old_.size() / 4);
  EXPECT_EQ(Put({delta}).version(), 2u);
  EXPECT_EQ(DownloadFile(&client_, kRequest, "file")->content, edited_.content);
}

TEST_F(BatchDeltasTest, AChunkThatComesOutWrongIsWantedWhole) {
  const auto lacking = Put({});
  ASSERT_THAT(lacking.bases(), SizeIs(1));
  const auto again = Put({DeltaFor(lacking, old_)});
  EXPECT_FALSE(again.has_error()) << again.error().message();
  EXPECT_THAT(again.missing(), ElementsAre(0));
  EXPECT_THAT(again.bases(), IsEmpty());
  EXPECT_EQ(server_.delta().version_count("file"), 1u);
  EXPECT_EQ(Put({}, DataFrameOf(edited_.chunks[0].id, edited_.content)).version(), 2u);
  EXPECT_EQ(DownloadFile(&client_, kRequest, "file")->content, edited_.content);
}

TEST_F(BatchDeltasTest, AChunkOfWhichNothingIsMadeIsWantedWhole) {
  const auto lacking = Put({});
  ASSERT_THAT(lacking.bases(), SizeIs(1));
  wire::v1::BatchDelta delta = DeltaFor(lacking, edited_.content);
  delta.set_delta("no delta");
  for (const uint32_t raw_bytes : {0u, 0xFFFFFFFFu}) {
    delta.set_raw_bytes(raw_bytes);
    const auto again = Put({delta});
    EXPECT_FALSE(again.has_error()) << again.error().message();
    EXPECT_THAT(again.missing(), ElementsAre(0));
    EXPECT_THAT(again.bases(), IsEmpty());
  }
}

TEST_F(BatchDeltasTest, TheSameChangeInTwoFilesMovesOnce) {
  ASSERT_TRUE(Upload(&client_, kRequest, "twin", TestFile(old_)).ok());
  const auto lacking = Put({});
  ASSERT_THAT(lacking.bases(), SizeIs(1));
  wire::v1::PutBatch batch;
  batch.set_operation_id(NewOperationId());
  *batch.add_items() = edited_.ToBatchItem("file");
  *batch.mutable_items(0)->add_deltas() = DeltaFor(lacking, edited_.content);
  *batch.add_items() = edited_.ToBatchItem("twin");
  client_.Send(FrameType::kPutBatch, kRequest, batch);
  const auto frame = client_.ReadUntil(FrameType::kPutBatchDone);
  ASSERT_TRUE(frame.ok()) << frame.status();
  const auto done = frame->As<wire::v1::PutBatchDone>();
  for (const auto& answer : done.answers()) {
    EXPECT_EQ(answer.version(), 2u) << answer.DebugString();
  }
}

TEST_F(BatchDeltasTest, AClientThatDoesNotKnowDeltasIsToldNoBases) {
  WireClient plain(server_.address());
  ASSERT_TRUE(plain.Greet().ok());
  const auto lacking = Send(&plain, edited_, {});
  ASSERT_TRUE(lacking.ok()) << lacking.status();
  EXPECT_THAT(lacking->answers(0).missing(), ElementsAre(0));
  EXPECT_THAT(lacking->answers(0).bases(), IsEmpty());
  EXPECT_EQ(Send(&plain, edited_, {wire::v1::BatchDelta()}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(BatchDeltasTest, DeltasThatCannotBeAreRefused) {
  wire::v1::BatchDelta beyond;
  beyond.set_index(1);
  EXPECT_THAT(std::string(Send(&client_, edited_, {beyond}).status().message()),
              HasSubstr("must ascend"));
  const wire::v1::BatchDelta first;
  EXPECT_THAT(std::string(Send(&client_, edited_, {first, first}).status().message()),
              HasSubstr("must ascend"));
  // What they would become at the server is bounded.
  TestFile large("");
  std::vector<wire::v1::BatchDelta> deltas;
  for (uint32_t i = 0; i < 150; ++i) {
    large.chunks.push_back({edited_.chunks[0].id, std::string(60'000, 'x')});
    deltas.emplace_back().set_index(i);
  }
  EXPECT_THAT(std::string(Send(&client_, large, deltas).status().message()),
              HasSubstr("deltas that make"));
}

}  // namespace
}  // namespace dray::transfer
