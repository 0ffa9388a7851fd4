// Comparing, storing and committing, over a real connection.
#include <functional>
#include <numeric>

#include "services/delta/engine/service_fixture.h"

namespace dray::delta {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(DeltaServiceTest, AnUploadSendsWhatIsNewAndNoMore) {
  const TestFile file = MakeTestFile(0, 5000);
  CompareStream stream(*stub_);
  const auto wanted = Compare(stream, file);
  EXPECT_EQ(wanted.size(), 5000u);
  ASSERT_TRUE(AddChunks(stream.session(), wanted).ok());
  v1::CommitResponse response;
  ASSERT_TRUE(Commit(CommitOf(stream.session(), "dir/file", file), &response).ok());
  EXPECT_EQ(response.version().number(), 1u);
  EXPECT_EQ(response.version().author(), "tester");
  EXPECT_FALSE(response.unchanged());

  // One chunk in the middle is another: few nodes are unknown, one chunk is wanted.
  std::vector<uint64_t> numbers(5000);
  std::iota(numbers.begin(), numbers.end(), 0);
  numbers[2500] = 77777;
  const TestFile edited = MakeTestFile(numbers);
  CompareStream again(*stub_);
  const auto wanted_again = Compare(again, edited);
  ASSERT_EQ(wanted_again.size(), 1u);
  EXPECT_EQ(wanted_again[0], TestChunk(77777));
  ASSERT_TRUE(AddChunks(again.session(), wanted_again).ok());
  ASSERT_TRUE(Commit(CommitOf(again.session(), "dir/file", edited), &response).ok());
  EXPECT_EQ(response.version().number(), 2u);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(DeltaServiceTest, AKnownRootNeedsNothing) {
  const TestFile file = MakeTestFile(0, 300);
  ASSERT_TRUE(Put("a", file).ok());
  CompareStream stream(*stub_);
  EXPECT_THAT(stream.Offer({file.root}).unknown(), IsEmpty());
  EXPECT_TRUE(Commit(CommitOf(stream.session(), "copy", file)).ok());
  v1::CommitResponse response;
  ASSERT_TRUE(Commit(CommitOf(0, "copy", file), &response).ok());
  EXPECT_TRUE(response.unchanged());
}

TEST_F(DeltaServiceTest, AChunkIsAskedForOnceInASession) {
  const TestFile file = MakeTestFile({1, 2, 1, 2, 3, 1});
  CompareStream stream(*stub_);
  EXPECT_THAT(Compare(stream, file), SizeIs(3));
  ASSERT_TRUE(AddChunks(stream.session(), {TestChunk(1), TestChunk(2), TestChunk(3)}).ok());
  EXPECT_TRUE(Commit(CommitOf(stream.session(), "a", file)).ok());
}

TEST_F(DeltaServiceTest, ANodeOfferedTwiceIsAskedForOnce) {
  const TestFile file = MakeTestFile(0, 3);
  CompareStream stream(*stub_);
  EXPECT_THAT(stream.Offer({file.root, file.root}).unknown(), ElementsAre(0));
  EXPECT_THAT(stream.Offer({file.root}).unknown(), IsEmpty());
  EXPECT_THAT(stream.Tell(0, file.nodes[0].encoding), SizeIs(3));
  EXPECT_THAT(stream.Offer({file.root}).unknown(), IsEmpty());
}

TEST_F(DeltaServiceTest, NodesReachTheCatalogBeforeTheCommit) {
  const TestFile file = MakeTestFile(0, 20000);
  CompareStream stream(*stub_);
  ASSERT_TRUE(AddChunks(stream.session(), Compare(stream, file)).ok());
  ASSERT_TRUE(WriteAndWait(*catalog_, [](CatalogTransaction&) { return absl::OkStatus(); }).ok());
  EXPECT_EQ(catalog_->Counts().nodes, file.nodes.size());
  EXPECT_TRUE(Commit(CommitOf(stream.session(), "a", file)).ok());
}

TEST_F(DeltaServiceTest, ACommitWithoutItsChunksNamesOne) {
  const TestFile file = MakeTestFile(0, 3);
  CompareStream stream(*stub_);
  Compare(stream, file);
  ASSERT_TRUE(AddChunks(stream.session(), {TestChunk(0), TestChunk(2)}).ok());
  const grpc::Status status = Commit(CommitOf(stream.session(), "a", file));
  EXPECT_THAT(status, HasGrpcCode(grpc::StatusCode::FAILED_PRECONDITION));
  EXPECT_THAT(status.error_message(), HasSubstr(TestChunkId(1).hex()));
  // Told by somebody else, it counts as well.
  ASSERT_TRUE(AddChunks(0, {TestChunk(1)}).ok());
  EXPECT_TRUE(Commit(CommitOf(stream.session(), "a", file)).ok());
}

TEST_F(DeltaServiceTest, ACommitOfAnEndedSessionMustBePutAgain) {
  const TestFile file = MakeTestFile(0, 3);
  EXPECT_THAT(Commit(CommitOf(12345, "a", file)), HasGrpcCode(grpc::StatusCode::ABORTED));
  CompareStream stream(*stub_);
  EXPECT_THAT(Commit(CommitOf(stream.session(), "a", file)),
              HasGrpcCode(grpc::StatusCode::FAILED_PRECONDITION));
}

TEST_F(DeltaServiceTest, ACommitOfAnotherSizeIsRefused) {
  const TestFile file = MakeTestFile(0, 3);
  ASSERT_TRUE(Put("a", file).ok());
  v1::CommitRequest request = CommitOf(0, "b", file);
  request.mutable_metadata()->set_size(file.size - 1);
  EXPECT_THAT(Commit(request), HasGrpcCode(grpc::StatusCode::FAILED_PRECONDITION));
}

TEST_F(DeltaServiceTest, TheEmptyFileHasARootToo) {
  const TestFile empty = MakeTestFile(0, 0);
  ASSERT_TRUE(Put("empty", empty).ok());
  v1::ResolveRequest request;
  request.add_items()->set_path("empty");
  const auto items = Resolve(request);
  ASSERT_THAT(items, SizeIs(1));
  EXPECT_EQ(items[0].header.version().root(), empty.root.view());
  EXPECT_EQ(items[0].header.data_bytes(), 0u);
}

struct BadStep {
  const char* name;
  std::function<v1::CompareRequest(const TestFile&)> step;  // after the file's nodes were offered
};

class BadStepTest : public DeltaServiceTest, public testing::WithParamInterface<BadStep> {};

TEST_P(BadStepTest, EndsTheStream) {
  const TestFile file = MakeTestFile(0, 300);
  grpc::ClientContext context;
  auto stream = stub_->Compare(&context);
  v1::CompareRequest offer;
  for (const auto& node : file.nodes)
    offer.mutable_offer()->mutable_node_ids()->append(node.id.view());
  stream->Write(offer);
  stream->Write(GetParam().step(file));
  v1::CompareResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_THAT(stream->Finish(), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
}

v1::CompareRequest Entries(uint64_t ordinal, const std::string& encoding) {
  v1::CompareRequest request;
  request.mutable_node()->set_ordinal(ordinal);
  request.mutable_node()->set_encoding(encoding);
  return request;
}

INSTANTIATE_TEST_SUITE_P(
    All, BadStepTest,
    testing::Values(
        BadStep{"Empty", [](const TestFile&) { return v1::CompareRequest(); }},
        BadStep{"IdOfWrongLength",
                [](const TestFile&) {
                  v1::CompareRequest request;
                  request.mutable_offer()->set_node_ids("short");
                  return request;
                }},
        BadStep{"OutOfOrder",
                [](const TestFile& file) { return Entries(1, file.nodes[1].encoding); }},
        BadStep{"OtherEncoding",
                [](const TestFile& file) { return Entries(0, file.nodes[1].encoding); }},
        BadStep{"NoEncoding", [](const TestFile&) { return Entries(0, ""); }}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(DeltaServiceTest, AnInteriorNodeNeedsKnownChildren) {
  const TestFile file = MakeTestFile(0, 300);
  grpc::ClientContext context;
  auto stream = stub_->Compare(&context);
  v1::CompareRequest offer;
  offer.mutable_offer()->set_node_ids(std::string(file.root.view()));
  stream->Write(offer);
  stream->Write(Entries(0, file.nodes.back().encoding));
  v1::CompareResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_THAT(stream->Finish(), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
}

TEST_F(DeltaServiceTest, ChunksAreChecked) {
  StoredChunk chunk = TestChunk(1);
  chunk.length_bytes = 262145;
  EXPECT_THAT(AddChunks(0, {chunk}), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
  chunk = TestChunk(1);
  chunk.segment = SegmentId{0};
  EXPECT_THAT(AddChunks(0, {chunk}), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_TRUE(AddChunks(0, {TestChunk(1)}).ok());
  EXPECT_TRUE(AddChunks(99, {TestChunk(1)}).ok());
}

TEST_F(DeltaServiceTest, CommitsAreChecked) {
  const TestFile file = MakeTestFile(0, 3);
  ASSERT_TRUE(Put("a", file).ok());
  const auto refuse = [&](const std::function<void(v1::CommitRequest&)>& spoil) {
    v1::CommitRequest request = CommitOf(0, "b", file);
    spoil(request);
    EXPECT_THAT(Commit(request), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT))
        << request.DebugString();
  };
  refuse([](auto& r) { r.set_path("/b"); });
  refuse([](auto& r) { r.set_path("b/../c"); });
  refuse([](auto& r) { r.set_root("short"); });
  refuse([](auto& r) { r.set_operation_id("short"); });
  refuse([](auto& r) { r.mutable_metadata()->set_mode(010000); });
  refuse([](auto& r) { r.mutable_metadata()->set_kind(wire::v1::DELETED); });
  refuse([](auto& r) { r.mutable_metadata()->set_kind(wire::v1::FOLDER); });
  refuse([](auto& r) { r.mutable_metadata()->set_symlink_target("x"); });
  refuse([](auto& r) { r.set_author(std::string(300, 'a')); });
  EXPECT_TRUE(Commit(CommitOf(0, "b", file)).ok());
}

TEST_F(DeltaServiceTest, ABatchAnswersEachItem) {
  const TestFile first = MakeTestFile(0, 1);
  const TestFile second = MakeTestFile({0, 7, 8});
  v1::CommitBatchRequest request;
  *request.add_items() = BatchItem("d/first", first);
  *request.add_items() = BatchItem("d/second", second);
  *request.add_items() = BatchItem("d/first/beneath", first);
  auto* folder = request.add_items();
  folder->set_path("d/folder");
  folder->mutable_metadata()->set_kind(wire::v1::FOLDER);
  folder->mutable_metadata()->set_mode(0700);
  auto* bad = request.add_items();
  bad->set_path("d//bad");
  bad->mutable_metadata()->set_kind(wire::v1::FOLDER);
  SetChunk(TestChunk(0), request.add_chunks());

  v1::CommitBatchResponse response = CommitBatch(request);
  ASSERT_EQ(response.answers_size(), 5);
  EXPECT_EQ(response.answers(0).version(), 1u);
  EXPECT_THAT(response.answers(1).missing(), ElementsAre(1, 2));
  EXPECT_EQ(response.answers(1).version(), 0u);
  EXPECT_EQ(response.answers(2).code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(response.answers(3).version(), 1u);
  EXPECT_EQ(response.answers(4).code(), grpc::StatusCode::INVALID_ARGUMENT);

  SetChunk(TestChunk(7), request.add_chunks());
  SetChunk(TestChunk(8), request.add_chunks());
  response = CommitBatch(request);
  EXPECT_TRUE(response.answers(0).unchanged());
  EXPECT_EQ(response.answers(1).version(), 1u);
  EXPECT_FALSE(response.answers(1).unchanged());
  EXPECT_TRUE(response.answers(3).unchanged());
}

TEST_F(DeltaServiceTest, ABatchJudgesAPathNamedTwiceInOrder) {
  const TestFile first = MakeTestFile(0, 1);
  const TestFile second = MakeTestFile(1, 1);
  v1::CommitBatchRequest request;
  SetChunk(TestChunk(0), request.add_chunks());
  SetChunk(TestChunk(1), request.add_chunks());
  *request.add_items() = BatchItem("a", first);
  EXPECT_EQ(CommitBatch(request).answers(0).version(), 1u);
  request.clear_items();
  *request.add_items() = BatchItem("a", second);
  *request.add_items() = BatchItem("a", first);
  const v1::CommitBatchResponse response = CommitBatch(request);
  EXPECT_EQ(response.answers(0).version(), 2u);
  EXPECT_EQ(response.answers(1).version(), 3u);
  EXPECT_FALSE(response.answers(1).unchanged());
}

TEST_F(DeltaServiceTest, ABatchUndoesOnlyTheItemThatFailsInIt) {
  v1::CommitBatchRequest request;
  SetChunk(TestChunk(0), request.add_chunks());
  // The third item can only fail once the first is there.
  for (const char* path : {"a", "b/c", "a/deep/er", "b/d"}) {
    *request.add_items() = BatchItem(path, MakeTestFile(0, 1));
  }
  const v1::CommitBatchResponse response = CommitBatch(request);
  EXPECT_EQ(response.answers(0).version(), 1u);
  EXPECT_EQ(response.answers(1).version(), 1u);
  EXPECT_EQ(response.answers(2).code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(response.answers(2).version(), 0u);
  EXPECT_EQ(response.answers(3).version(), 1u);
  std::vector<std::string> paths;
  ASSERT_TRUE(List("", true, &paths).ok());
  EXPECT_THAT(paths, ElementsAre("a", "b", "b/c", "b/d"));
}

TEST_F(DeltaServiceTest, ABatchOfOneOperationIsOneOperation) {
  v1::CommitBatchRequest request;
  SetChunk(TestChunk(0), request.add_chunks());
  for (const char* path : {"a", "b"}) {
    *request.add_items() = BatchItem(path, MakeTestFile(0, 1));
    request.mutable_items()->rbegin()->set_operation_id("one id for all of it");
    request.mutable_items()->rbegin()->mutable_replaces()->set_absent(true);
  }
  for (int i = 0; i < 2; ++i) {
    const v1::CommitBatchResponse response = CommitBatch(request);
    for (const auto& answer : response.answers()) {
      EXPECT_EQ(answer.version(), 1u) << answer.message();
      EXPECT_FALSE(answer.unchanged());
    }
  }
}

TEST_F(DeltaServiceTest, ABatchRefusesATreeThatDoesNotFit) {
  v1::CommitBatchRequest request;
  SetChunk(TestChunk(0), request.add_chunks());
  *request.add_items() = BatchItem("size", MakeTestFile(0, 1));
  request.mutable_items(0)->mutable_metadata()->set_size(1);
  *request.add_items() = BatchItem("encoding", MakeTestFile(0, 1));
  request.mutable_items(1)->set_nodes(0, "junk");
  *request.add_items() = BatchItem("none", MakeTestFile(0, 1));
  request.mutable_items(2)->clear_nodes();
  *request.add_items() = BatchItem("good", MakeTestFile(0, 1));
  const v1::CommitBatchResponse response = CommitBatch(request);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(response.answers(i).code(), grpc::StatusCode::INVALID_ARGUMENT) << i;
  }
  EXPECT_EQ(response.answers(3).version(), 1u);
}

}  // namespace
}  // namespace dray::delta
