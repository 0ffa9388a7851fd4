// The service over a real connection.
#include "services/delta/engine/delta_service.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <numeric>

#include "absl/time/clock.h"
#include "dray/delta/v1/delta.grpc.pb.h"
#include "services/delta/engine/server.h"
#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

MATCHER_P(HasGrpcCode, code, "") {
  *result_listener << arg.error_code() << ": " << arg.error_message();
  return arg.error_code() == code;
}

void SetChunk(const StoredChunk& chunk, v1::StoredChunk* out) {
  out->set_id(std::string(chunk.id.view()));
  out->set_length(chunk.length_bytes);
  out->set_segment(static_cast<uint64_t>(chunk.segment));
  out->set_offset(chunk.offset);
  out->set_stored(chunk.stored_bytes);
}

// A Compare stream, step by step.
class CompareStream {
 public:
  explicit CompareStream(v1::Delta::Stub& stub) : stream_(stub.Compare(&context_)) {
    v1::CompareResponse response;
    EXPECT_TRUE(stream_->Read(&response));
    session_ = response.opened().session();
    EXPECT_NE(session_, 0u);
  }
  ~CompareStream() { context_.TryCancel(); }

  uint64_t session() const { return session_; }

  v1::CompareResponse::Known Offer(const std::vector<NodeId>& ids) {
    v1::CompareRequest request;
    for (const NodeId& id : ids) request.mutable_offer()->mutable_node_ids()->append(id.view());
    return Exchange(request).known();
  }
  std::vector<uint32_t> Tell(uint64_t ordinal, const std::string& encoding) {
    v1::CompareRequest request;
    request.mutable_node()->set_ordinal(ordinal);
    request.mutable_node()->set_encoding(encoding);
    const v1::CompareResponse response = Exchange(request);
    EXPECT_EQ(response.wanted().ordinal(), ordinal);
    return {response.wanted().missing().begin(), response.wanted().missing().end()};
  }
  grpc::Status Finish() {
    stream_->WritesDone();
    v1::CompareResponse response;
    while (stream_->Read(&response)) {
    }
    return stream_->Finish();
  }

 private:
  v1::CompareResponse Exchange(const v1::CompareRequest& request) {
    v1::CompareResponse response;
    stream_->Write(request);
    stream_->Read(&response);
    return response;
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::CompareRequest, v1::CompareResponse>> stream_;
  uint64_t session_ = 0;
};

class DeltaServiceTest : public testing::Test {
 protected:
  DeltaServiceTest() {
    auto server = DeltaServer::Start({.listen = "127.0.0.1:0", .now = absl::GetCurrentTimeNanos},
                                     catalog_.get(), &metrics_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::Delta::NewStub(grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                                   grpc::InsecureChannelCredentials()));
  }
  ~DeltaServiceTest() override {
    server_->Stop(absl::Seconds(1));
    ExpectConsistent(*catalog_);
  }

  grpc::Status AddChunks(uint64_t session, const std::vector<StoredChunk>& chunks) {
    v1::AddChunksRequest request;
    request.set_session(session);
    for (const StoredChunk& chunk : chunks) SetChunk(chunk, request.add_chunks());
    grpc::ClientContext context;
    v1::AddChunksResponse response;
    return stub_->AddChunks(&context, request, &response);
  }

  v1::CommitRequest CommitOf(uint64_t session, const std::string& path, const TestFile& file) {
    v1::CommitRequest request;
    request.set_session(session);
    request.set_path(path);
    request.mutable_metadata()->set_kind(wire::v1::FILE);
    request.mutable_metadata()->set_mode(0644);
    request.mutable_metadata()->set_size(file.size);
    request.set_root(std::string(file.root.view()));
    request.set_author("tester");
    return request;
  }
  grpc::Status Commit(const v1::CommitRequest& request, v1::CommitResponse* response = nullptr) {
    grpc::ClientContext context;
    v1::CommitResponse unused;
    return stub_->Commit(&context, request, response != nullptr ? response : &unused);
  }

  // Offers and tells the file's nodes; returns the chunks that are wanted.
  std::vector<StoredChunk> Compare(CompareStream& stream, const TestFile& file) {
    std::vector<NodeId> ids;
    for (const auto& node : file.nodes) ids.push_back(node.id);
    const auto known = stream.Offer(ids);
    EXPECT_EQ(known.answered(), ids.size());
    std::vector<StoredChunk> wanted;
    for (uint64_t ordinal : known.unknown()) {
      const auto& node = file.nodes[ordinal];
      for (uint32_t index : stream.Tell(ordinal, node.encoding)) {
        const auto chunk = std::find_if(
            file.chunks.begin(), file.chunks.end(),
            [&](const StoredChunk& c) { return c.id == node.node.entries[index].chunk(); });
        wanted.push_back(*chunk);
      }
    }
    return wanted;
  }

  grpc::Status Put(const std::string& path, const TestFile& file) {
    CompareStream stream(*stub_);
    EXPECT_TRUE(AddChunks(stream.session(), Compare(stream, file)).ok());
    return Commit(CommitOf(stream.session(), path, file));
  }

  static v1::CommitBatchRequest::Item BatchItem(const std::string& path, const TestFile& file) {
    v1::CommitBatchRequest::Item item;
    item.set_path(path);
    item.mutable_metadata()->set_kind(wire::v1::FILE);
    item.mutable_metadata()->set_size(file.size);
    for (const auto& node : file.nodes) item.add_nodes(node.encoding);
    return item;
  }
  v1::CommitBatchResponse CommitBatch(const v1::CommitBatchRequest& request) {
    grpc::ClientContext context;
    v1::CommitBatchResponse response;
    const grpc::Status status = stub_->CommitBatch(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  struct Resolved {
    v1::ResolveResponse::Header header;
    std::vector<std::string> ids;
    uint64_t bytes = 0;
  };
  std::vector<Resolved> Resolve(const v1::ResolveRequest& request) {
    grpc::ClientContext context;
    auto stream = stub_->Resolve(&context, request);
    std::vector<Resolved> items;
    for (v1::ResolveResponse response; stream->Read(&response);) {
      EXPECT_LT(response.ByteSizeLong(), 1u << 20);
      if (response.has_header()) {
        items.push_back({.header = response.header()});
      } else {
        EXPECT_LE(response.chunks().chunks_size(), 2000);
        for (const auto& chunk : response.chunks().chunks()) {
          items.back().ids.push_back(chunk.id());
          items.back().bytes += chunk.length();
        }
      }
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return items;
  }

  grpc::Status List(const std::string& path, bool recursive, std::vector<std::string>* paths) {
    v1::ListRequest request;
    request.set_path(path);
    request.set_recursive(recursive);
    grpc::ClientContext context;
    auto stream = stub_->List(&context, request);
    for (v1::VersionsResponse response; stream->Read(&response);) {
      EXPECT_LT(response.ByteSizeLong(), 1u << 20);
      for (const auto& version : response.versions()) paths->push_back(version.path());
    }
    return stream->Finish();
  }

  const std::string file_ = NewTestFolder() + "/catalog.db";
  prometheus::Registry registry_;
  DeltaMetrics metrics_{registry_};
  std::unique_ptr<Catalog> catalog_ = OpenTestCatalog(file_);
  std::unique_ptr<DeltaServer> server_;
  std::unique_ptr<v1::Delta::Stub> stub_;
};

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

TEST_F(DeltaServiceTest, ResolveTellsTheChunksInFileOrder) {
  const TestFile file = MakeTestFile(0, 5000);
  ASSERT_TRUE(Put("dir/file", file).ok());
  v1::ResolveRequest request;
  request.add_items()->set_path("nothing");
  request.add_items()->set_path("dir/file");
  request.add_items()->set_path("dir");
  auto* same = request.add_items();
  same->set_path("dir/file");
  same->set_have_root(std::string(file.root.view()));
  const auto items = Resolve(request);
  ASSERT_THAT(items, SizeIs(4));
  EXPECT_EQ(items[0].header.code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(items[1].header.data_bytes(), file.size);
  ASSERT_THAT(items[1].ids, SizeIs(5000));
  for (size_t i = 0; i < 5000; ++i) ASSERT_EQ(items[1].ids[i], TestChunkId(i).view()) << i;
  EXPECT_EQ(items[2].header.version().metadata().kind(), wire::v1::FOLDER);
  EXPECT_THAT(items[2].ids, IsEmpty());
  EXPECT_TRUE(items[3].header.same());
  EXPECT_EQ(items[3].header.data_bytes(), 0u);
  EXPECT_THAT(items[3].ids, IsEmpty());
}

TEST_F(DeltaServiceTest, ResolveTellsTheChunksThatTouchRanges) {
  const TestFile file = MakeTestFile(0, 5000);
  ASSERT_TRUE(Put("file", file).ok());
  const auto offset_of = [&](size_t chunk) {
    uint64_t offset = 0;
    for (size_t i = 0; i < chunk; ++i) offset += file.chunks[i].length_bytes;
    return offset;
  };
  struct Case {
    std::vector<std::pair<uint64_t, uint64_t>> ranges;
    std::vector<uint64_t> chunks;
  };
  const std::vector<Case> cases = {
      {{{0, 1}}, {0}},
      {{{offset_of(1) - 1, 2}}, {0, 1}},
      {{{offset_of(1), 1}}, {1}},
      {{{offset_of(2500), file.chunks[2500].length_bytes}, {file.size - 1, 1}}, {2500, 4999}},
      {{{5, 10}, {20, 10}, {offset_of(3), 0}}, {0}},
      {{{file.size, 100}}, {}},
      {{{offset_of(4998), uint64_t{1} << 62}}, {4998, 4999}},
  };
  v1::ResolveRequest request;
  for (const Case& c : cases) {
    auto* item = request.add_items();
    item->set_path("file");
    for (const auto& [offset, length] : c.ranges) {
      auto* range = item->add_ranges();
      range->set_offset(offset);
      range->set_length(length);
    }
  }
  const auto items = Resolve(request);
  ASSERT_THAT(items, SizeIs(cases.size()));
  for (size_t i = 0; i < cases.size(); ++i) {
    std::vector<std::string> expected;
    for (uint64_t number : cases[i].chunks) expected.emplace_back(TestChunkId(number).view());
    EXPECT_EQ(items[i].ids, expected) << i;
    EXPECT_EQ(items[i].header.data_bytes(), items[i].bytes) << i;
  }
}

TEST_F(DeltaServiceTest, ResolveRefusesRangesThatDoNotAscend) {
  ASSERT_TRUE(Put("file", MakeTestFile(0, 5)).ok());
  v1::ResolveRequest request;
  auto* item = request.add_items();
  item->set_path("file");
  item->add_ranges()->set_offset(100);
  item->add_ranges()->set_offset(50);
  EXPECT_EQ(Resolve(request)[0].header.code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DeltaServiceTest, OldVersionsAndDeletedOnesAreResolvedByNumber) {
  ASSERT_TRUE(Put("file", MakeTestFile(0, 5)).ok());
  ASSERT_TRUE(Put("file", MakeTestFile(5, 5)).ok());
  v1::DeleteRequest remove;
  remove.set_path("file");
  grpc::ClientContext context;
  v1::ChangedResponse changed;
  ASSERT_TRUE(stub_->Delete(&context, remove, &changed).ok());
  EXPECT_EQ(changed.version().metadata().kind(), wire::v1::DELETED);
  v1::ResolveRequest request;
  for (uint64_t number : {0, 1, 2, 3, 4}) {
    auto* item = request.add_items();
    item->set_path("file");
    item->set_number(number);
  }
  const auto items = Resolve(request);
  EXPECT_EQ(items[0].header.code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(items[1].ids[0], TestChunkId(0).view());
  EXPECT_EQ(items[2].ids[0], TestChunkId(5).view());
  EXPECT_EQ(items[3].header.code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(items[4].header.code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(DeltaServiceTest, ListsGoDepthFirstInOrderOfBytes) {
  v1::CommitBatchRequest request;
  SetChunk(TestChunk(0), request.add_chunks());
  for (const char* path : {"b/z", "b/a/1", "b/a/2", "b.x", "\xff", "a", "b/B"}) {
    *request.add_items() = BatchItem(path, MakeTestFile(0, 1));
  }
  CommitBatch(request);
  std::vector<std::string> paths;
  ASSERT_TRUE(List("", true, &paths).ok());
  EXPECT_THAT(paths, ElementsAre("a", "b", "b/B", "b/a", "b/a/1", "b/a/2", "b/z", "b.x", "\xff"));
  paths.clear();
  ASSERT_TRUE(List("b", false, &paths).ok());
  EXPECT_THAT(paths, ElementsAre("b/B", "b/a", "b/z"));
  paths.clear();
  ASSERT_TRUE(List("b/a/1", true, &paths).ok());
  EXPECT_THAT(paths, ElementsAre("b/a/1"));
  EXPECT_THAT(List("b/c", true, &paths), HasGrpcCode(grpc::StatusCode::NOT_FOUND));
}

TEST_F(DeltaServiceTest, TheTopIsThereFromTheStart) {
  std::vector<std::string> paths;
  EXPECT_TRUE(List("", true, &paths).ok());
  EXPECT_THAT(paths, IsEmpty());
  grpc::ClientContext context;
  v1::ChangedResponse response;
  ASSERT_TRUE(stub_->Stat(&context, {}, &response).ok());
  EXPECT_EQ(response.version().metadata().kind(), wire::v1::FOLDER);
}

TEST_F(DeltaServiceTest, ALongListComesInManyMessages) {
  v1::CommitBatchRequest request;
  SetChunk(TestChunk(0), request.add_chunks());
  std::vector<std::string> expected;
  for (int i = 10000; i < 14000; ++i) {
    expected.push_back(absl::StrCat("d/", i, std::string(200, 'x')));
    *request.add_items() = BatchItem(expected.back(), MakeTestFile(0, 1));
  }
  CommitBatch(request);
  std::vector<std::string> paths;
  ASSERT_TRUE(List("d", true, &paths).ok());
  EXPECT_EQ(paths, expected);
}

TEST_F(DeltaServiceTest, HistoryTellsAllVersionsNewestFirst) {
  ASSERT_TRUE(Put("file", MakeTestFile(0, 1)).ok());
  ASSERT_TRUE(Put("file", MakeTestFile(1, 1)).ok());
  v1::DeleteRequest remove;
  remove.set_path("file");
  {
    grpc::ClientContext context;
    v1::ChangedResponse changed;
    ASSERT_TRUE(stub_->Delete(&context, remove, &changed).ok());
  }
  v1::HistoryRequest request;
  request.set_path("file");
  grpc::ClientContext context;
  auto stream = stub_->History(&context, request);
  std::vector<uint64_t> numbers;
  for (v1::VersionsResponse response; stream->Read(&response);) {
    for (const auto& version : response.versions()) numbers.push_back(version.number());
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_THAT(numbers, ElementsAre(3, 2, 1));
}

TEST_F(DeltaServiceTest, ChangesAnswerWithPathAndVersion) {
  ASSERT_TRUE(Put("a/b", MakeTestFile(0, 1)).ok());
  v1::MoveRequest move;
  move.set_from("a");
  move.set_to("c");
  v1::ChangedResponse response;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->Move(&context, move, &response).ok());
  }
  EXPECT_EQ(response.version().path(), "c");
  v1::DeleteRequest remove;
  remove.set_path("c");
  {
    grpc::ClientContext context;
    EXPECT_THAT(stub_->Delete(&context, remove, &response),
                HasGrpcCode(grpc::StatusCode::FAILED_PRECONDITION));
  }
  remove.set_recursive(true);
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->Delete(&context, remove, &response).ok());
  }
  EXPECT_EQ(response.entries(), 2u);
  v1::RestoreRequest restore;
  restore.set_path("c");
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->Restore(&context, restore, &response).ok());
  }
  EXPECT_EQ(response.entries(), 2u);
  std::vector<std::string> paths;
  ASSERT_TRUE(List("", true, &paths).ok());
  EXPECT_THAT(paths, ElementsAre("c", "c/b"));
}

TEST_F(DeltaServiceTest, AnErrorAboutALongNameStillFitsTheHeaders) {
  std::string path(200, '\x01');
  while (path.size() < 3900) path += "/" + std::string(200, '\x01');
  v1::StatRequest request;
  request.set_path(path);
  grpc::ClientContext context;
  v1::ChangedResponse response;
  EXPECT_THAT(stub_->Stat(&context, request, &response), HasGrpcCode(grpc::StatusCode::NOT_FOUND));
}

TEST_F(DeltaServiceTest, APortInUseIsAnError) {
  const auto second = DeltaServer::Start(
      {.listen = absl::StrCat("127.0.0.1:", server_->port()), .now = absl::GetCurrentTimeNanos},
      catalog_.get(), &metrics_);
  EXPECT_THAT(second.status(), HasCode(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace dray::delta
