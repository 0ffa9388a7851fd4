// Resolving, listing and changing names, over a real connection.
#include "services/delta/engine/service_fixture.h"

namespace dray::delta {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

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

TEST_F(DeltaServiceTest, RootsAreFoundByPathAndNumber) {
  const TestFile old = MakeTestFile(0, 5);
  const TestFile now = MakeTestFile(5, 5);
  for (const char* path : {"folder/sub/a", "folder/sub/b", "gone", "file"}) {
    ASSERT_TRUE(Put(path, old).ok());
  }
  ASSERT_TRUE(Put("folder/sub/a", now).ok());
  grpc::ClientContext remove_context;
  v1::DeleteRequest remove;
  remove.set_path("gone");
  remove.set_operation_id(std::string(16, 'o'));
  v1::ChangedResponse removed;
  ASSERT_TRUE(stub_->Delete(&remove_context, remove, &removed).ok());
  const std::string none(kDigestBytes, '\0');
  const std::string old_root(old.root.view());
  const std::string new_root(now.root.view());
  const std::vector<std::tuple<std::string, uint64_t, std::string>> cases = {
      {"folder/sub/a", 0, new_root}, {"folder/sub/a", 2, new_root},
      {"folder/sub/a", 1, old_root}, {"folder/sub/a", 3, none},
      {"folder/sub/b", 1, old_root}, {"folder/sub/c", 0, none},
      {"folder/sub", 0, none},       {"folder/other/a", 0, none},
      {"file/a", 0, none},           {"gone", 1, none},
      {"file", 1, old_root}};
  v1::FindRootsRequest request;
  std::string expected;
  for (const auto& [path, number, root] : cases) {
    request.add_items()->set_path(path);
    request.mutable_items()->rbegin()->set_number(number);
    expected += root;
  }
  grpc::ClientContext context;
  v1::FindRootsResponse response;
  ASSERT_TRUE(stub_->FindRoots(&context, request, &response).ok());
  EXPECT_EQ(response.roots(), expected);
}

TEST_F(DeltaServiceTest, RootsOfTooManyAreRefused) {
  v1::FindRootsRequest request;
  for (int i = 0; i < 257; ++i) request.add_items()->set_path("file");
  grpc::ClientContext context;
  v1::FindRootsResponse response;
  EXPECT_EQ(stub_->FindRoots(&context, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DeltaServiceTest, NodesAndChunksAreFoundByTheirIds) {
  const TestFile file = MakeTestFile(0, 500);
  ASSERT_TRUE(Put("file", file).ok());
  const std::string nobody(kDigestBytes, 'x');
  grpc::ClientContext nodes_context;
  v1::ReadNodesRequest read;
  read.set_node_ids(std::string(file.root.view()) + nobody);
  v1::ReadNodesResponse nodes;
  ASSERT_TRUE(stub_->ReadNodes(&nodes_context, read, &nodes).ok());
  ASSERT_THAT(nodes.encodings(), SizeIs(2));
  EXPECT_EQ(IdOfNode(AsBytes(nodes.encodings(0))), file.root);
  EXPECT_THAT(nodes.encodings(1), IsEmpty());
  grpc::ClientContext chunks_context;
  v1::FindChunksRequest find;
  find.set_chunk_ids(nobody + std::string(TestChunkId(7).view()));
  v1::FindChunksResponse chunks;
  ASSERT_TRUE(stub_->FindChunks(&chunks_context, find, &chunks).ok());
  ASSERT_THAT(chunks.chunks(), SizeIs(2));
  EXPECT_EQ(chunks.chunks(0).length(), 0u);
  EXPECT_EQ(chunks.chunks(1).id(), TestChunkId(7).view());
  EXPECT_EQ(chunks.chunks(1).length(), file.chunks[7].length_bytes);
}

TEST_F(DeltaServiceTest, WhatAreNoIdsOrTooManyIsRefused) {
  for (const size_t bytes : {size_t{31}, 129 * kDigestBytes}) {
    grpc::ClientContext context;
    v1::ReadNodesRequest read;
    read.set_node_ids(std::string(bytes, 'x'));
    v1::ReadNodesResponse nodes;
    EXPECT_EQ(stub_->ReadNodes(&context, read, &nodes).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
  for (const size_t bytes : {size_t{31}, 8193 * kDigestBytes}) {
    grpc::ClientContext context;
    v1::FindChunksRequest find;
    find.set_chunk_ids(std::string(bytes, 'x'));
    v1::FindChunksResponse chunks;
    EXPECT_EQ(stub_->FindChunks(&context, find, &chunks).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(DeltaServiceTest, StreamsOfManyMessagesAlwaysEnd) {
  ASSERT_TRUE(Put("file", MakeTestFile(0, 3)).ok());
  v1::ResolveRequest request;
  for (int i = 0; i < 10; ++i) request.add_items()->set_path("file");
  for (int i = 0; i < 300; ++i) ASSERT_THAT(Resolve(request), SizeIs(10));
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

TEST_F(DeltaServiceTest, TheFutureIsNotTold) {
  ASSERT_TRUE(Put("folder/file", MakeTestFile(0, 5)).ok());
  const int64_t future = absl::GetCurrentTimeNanos() + 3'600'000'000'000;
  for (const int64_t at : {future, int64_t{-1}}) {
    v1::ListRequest list;
    list.set_at_ns(at);
    grpc::ClientContext list_context;
    auto stream = stub_->List(&list_context, list);
    v1::VersionsResponse versions;
    EXPECT_FALSE(stream->Read(&versions));
    EXPECT_THAT(stream->Finish(), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
    v1::StatRequest stat;
    stat.set_path("folder/file");
    stat.set_at_ns(at);
    grpc::ClientContext stat_context;
    v1::ChangedResponse changed;
    EXPECT_THAT(stub_->Stat(&stat_context, stat, &changed),
                HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
  }
}

TEST_F(DeltaServiceTest, APathIsResolvedAsItWas) {
  ASSERT_TRUE(Put("old/file", MakeTestFile(0, 5)).ok());
  const int64_t then = absl::GetCurrentTimeNanos();
  ASSERT_TRUE(Put("old/file", MakeTestFile(5, 5)).ok());
  v1::MoveRequest move;
  move.set_from("old");
  move.set_to("new");
  grpc::ClientContext move_context;
  v1::ChangedResponse changed;
  ASSERT_TRUE(stub_->Move(&move_context, move, &changed).ok());
  v1::StatRequest stat;
  stat.set_path("old/file");
  stat.set_at_ns(then);
  grpc::ClientContext stat_context;
  ASSERT_TRUE(stub_->Stat(&stat_context, stat, &changed).ok());
  EXPECT_EQ(changed.version().number(), 1u);
  EXPECT_EQ(changed.at_ns(), then);
  v1::ListRequest list;
  list.set_path("old");
  list.set_at_ns(then);
  grpc::ClientContext list_context;
  auto stream = stub_->List(&list_context, list);
  v1::VersionsResponse versions;
  ASSERT_TRUE(stream->Read(&versions));
  EXPECT_EQ(versions.at_ns(), then);
  ASSERT_THAT(versions.versions(), SizeIs(1));
  EXPECT_EQ(versions.versions(0).path(), "old/file");
  EXPECT_FALSE(stream->Read(&versions));
  EXPECT_TRUE(stream->Finish().ok());
  v1::ResolveRequest request;
  for (const auto& [number, at] : {std::pair<uint64_t, int64_t>{0, then}, {2, then}, {0, 0}}) {
    auto* item = request.add_items();
    item->set_path("old/file");
    item->set_number(number);
    item->set_at_ns(at);
  }
  const auto items = Resolve(request);
  EXPECT_EQ(items[0].ids[0], TestChunkId(0).view());
  EXPECT_EQ(items[1].ids[0], TestChunkId(5).view());
  EXPECT_EQ(items[2].header.code(), grpc::StatusCode::NOT_FOUND);
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
