// Deletions among the items of a CommitBatch.
#include "services/delta/engine/service_fixture.h"

namespace dray::delta {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class BatchDeletesTest : public DeltaServiceTest {
 protected:
  static std::string Operation(const std::string& name) {
    return name + std::string(16 - std::min<size_t>(16, name.size()), '.');
  }
  static v1::CommitBatchRequest::Item Item(const std::string& path, wire::v1::EntryKind kind) {
    v1::CommitBatchRequest::Item item;
    item.set_path(path);
    item.mutable_metadata()->set_kind(kind);
    if (kind == wire::v1::SYMLINK) item.mutable_metadata()->set_symlink_target("to");
    return item;
  }
  v1::CommitBatchRequest Deletions(const std::vector<std::string>& paths) {
    v1::CommitBatchRequest request;
    for (const std::string& path : paths) *request.add_items() = Item(path, wire::v1::DELETED);
    return request;
  }
  std::vector<v1::CommitBatchResponse::Answer> Answers(const v1::CommitBatchRequest& request) {
    const v1::CommitBatchResponse response = CommitBatch(request);
    return {response.answers().begin(), response.answers().end()};
  }
  // "a" and "d/f" are files, "l" is a link, "d" and "e" are folders.
  void MakeTree() {
    v1::CommitBatchRequest request;
    SetChunk(TestChunk(0), request.add_chunks());
    *request.add_items() = BatchItem("a", MakeTestFile(0, 1));
    *request.add_items() = BatchItem("d/f", MakeTestFile(0, 1));
    *request.add_items() = Item("l", wire::v1::SYMLINK);
    *request.add_items() = Item("e", wire::v1::FOLDER);
    for (const auto& answer : Answers(request)) EXPECT_EQ(answer.version(), 1u);
  }
  std::vector<std::string> All() {
    std::vector<std::string> paths;
    EXPECT_TRUE(List("", true, &paths).ok());
    return paths;
  }
  grpc::Status Delete(const std::string& path) {
    v1::DeleteRequest request;
    request.set_path(path);
    grpc::ClientContext context;
    v1::ChangedResponse response;
    return stub_->Delete(&context, request, &response);
  }
  uint64_t Restore(const std::string& path) {
    v1::RestoreRequest request;
    request.set_path(path);
    grpc::ClientContext context;
    v1::ChangedResponse response;
    const grpc::Status status = stub_->Restore(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.entries();
  }
  uint64_t NewestNumber(const std::string& path) {
    v1::HistoryRequest request;
    request.set_path(path);
    grpc::ClientContext context;
    auto stream = stub_->History(&context, request);
    uint64_t newest = 0;
    for (v1::VersionsResponse response; stream->Read(&response);) {
      for (const auto& version : response.versions()) newest = std::max(newest, version.number());
    }
    return newest;
  }
};

TEST_F(BatchDeletesTest, AFileALinkAndAnEmptyFolderAreDeleted) {
  MakeTree();
  const v1::CommitBatchResponse response = CommitBatch(Deletions({"a", "l", "e"}));
  for (const auto& answer : response.answers()) {
    EXPECT_EQ(answer.version(), 2u) << answer.message();
    EXPECT_FALSE(answer.unchanged());
  }
  EXPECT_THAT(All(), ElementsAre("d", "d/f"));
}

TEST_F(BatchDeletesTest, WhatFailsFailsAsADeleteDoesAndAlone) {
  MakeTree();
  ASSERT_TRUE(Delete("l").ok());
  const std::vector<std::string> failing = {"never", "l", "d", "a/beneath", "x//y"};
  std::vector<std::string> paths = failing;
  paths.insert(paths.begin() + 2, "e");
  paths.push_back("a");
  const v1::CommitBatchResponse response = CommitBatch(Deletions(paths));
  for (int i = 0; i < response.answers_size(); ++i) {
    const auto& answer = response.answers(i);
    const std::string& path = paths[static_cast<size_t>(i)];
    if (path == "e" || path == "a") {
      EXPECT_EQ(answer.version(), 2u) << answer.message();
      continue;
    }
    EXPECT_EQ(answer.version(), 0u) << path;
    // "a/beneath" was judged when "a" was there, which makes no difference.
    const grpc::Status alone = Delete(path);
    EXPECT_EQ(answer.code(), alone.error_code()) << path;
    EXPECT_EQ(answer.message(), alone.error_message()) << path;
  }
  EXPECT_EQ(response.answers(0).code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(response.answers(3).code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(response.answers(3).message(), HasSubstr("is a folder that is not empty"));
  EXPECT_THAT(All(), ElementsAre("d", "d/f"));
}

TEST_F(BatchDeletesTest, AFolderGoesAfterItsContentsAndComesBackWithThem) {
  MakeTree();
  for (const auto& answer : Answers(Deletions({"d/f", "d"}))) {
    EXPECT_EQ(answer.version(), 2u) << answer.message();
  }
  EXPECT_THAT(All(), ElementsAre("a", "e", "l"));
  EXPECT_EQ(Restore("d"), 2u);
  EXPECT_THAT(All(), ElementsAre("a", "d", "d/f", "e", "l"));
  // Before them, it is not empty.
  const v1::CommitBatchResponse response = CommitBatch(Deletions({"d", "d/f"}));
  EXPECT_EQ(response.answers(0).code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(response.answers(1).version(), 4u);
  EXPECT_THAT(All(), ElementsAre("a", "d", "e", "l"));
}

TEST_F(BatchDeletesTest, ARepeatedBatchDeletesNothingThatCameLater) {
  MakeTree();
  v1::CommitBatchRequest request = Deletions({"a", "d/f", "d", "never"});
  for (auto& item : *request.mutable_items()) item.set_operation_id(Operation(item.path()));
  const std::string first = CommitBatch(request).SerializeAsString();
  EXPECT_EQ(CommitBatch(request).SerializeAsString(), first);
  for (const char* path : {"a", "d"}) Restore(path);
  EXPECT_EQ(CommitBatch(request).SerializeAsString(), first);
  EXPECT_THAT(All(), ElementsAre("a", "d", "d/f", "e", "l"));
  EXPECT_EQ(NewestNumber("a"), 3u);
}

TEST_F(BatchDeletesTest, WhatIsDeletedMakesRoomForWhatIsPut) {
  MakeTree();
  v1::CommitBatchRequest request;
  // A folder for a file, a file for a folder, the same file again, a link that goes again.
  *request.add_items() = Item("a", wire::v1::DELETED);
  *request.add_items() = BatchItem("a/f", MakeTestFile(0, 1));
  *request.add_items() = Item("d/f", wire::v1::DELETED);
  *request.add_items() = Item("d", wire::v1::DELETED);
  *request.add_items() = BatchItem("d", MakeTestFile(0, 1));
  *request.add_items() = Item("l", wire::v1::DELETED);
  *request.add_items() = Item("l", wire::v1::SYMLINK);
  *request.add_items() = Item("m", wire::v1::SYMLINK);
  *request.add_items() = Item("m", wire::v1::DELETED);
  for (int i = 0; i < request.items_size(); ++i) {
    request.mutable_items(i)->set_operation_id(Operation(std::to_string(i)));
  }
  const v1::CommitBatchResponse response = CommitBatch(request);
  std::vector<uint64_t> versions;
  for (const auto& answer : response.answers()) {
    versions.push_back(answer.version());
    EXPECT_EQ(answer.message(), "");
  }
  EXPECT_THAT(versions, ElementsAre(2, 1, 2, 2, 3, 2, 3, 1, 2));
  EXPECT_THAT(All(), ElementsAre("a", "a/f", "d", "e", "l"));
  EXPECT_EQ(CommitBatch(request).SerializeAsString(), response.SerializeAsString());
  EXPECT_THAT(All(), ElementsAre("a", "a/f", "d", "e", "l"));
}

// What a folder was found to be before it was deleted is forgotten: the put makes it anew.
TEST_F(BatchDeletesTest, AFolderThatWasDeletedIsMadeAgain) {
  MakeTree();
  v1::CommitBatchRequest request = Deletions({"d/f", "d"});
  *request.add_items() = BatchItem("d/g", MakeTestFile(0, 1));
  for (const auto& answer : Answers(request)) EXPECT_EQ(answer.message(), "");
  EXPECT_THAT(All(), ElementsAre("a", "d", "d/g", "e", "l"));
  EXPECT_EQ(NewestNumber("d"), 3u);
}

TEST_F(BatchDeletesTest, APathIsDeletedOnce) {
  MakeTree();
  const v1::CommitBatchResponse response = CommitBatch(Deletions({"a", "l", "a"}));
  EXPECT_EQ(response.answers(0).version(), 2u);
  EXPECT_EQ(response.answers(1).version(), 2u);
  EXPECT_EQ(response.answers(2).code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(BatchDeletesTest, APreconditionHoldsForADeletion) {
  MakeTree();
  v1::CommitBatchRequest request = Deletions({"a", "l", "e"});
  request.mutable_items(0)->mutable_replaces()->set_number(1);
  request.mutable_items(1)->mutable_replaces()->set_number(7);
  request.mutable_items(2)->mutable_replaces()->set_absent(true);
  const v1::CommitBatchResponse response = CommitBatch(request);
  EXPECT_EQ(response.answers(0).version(), 2u);
  EXPECT_EQ(response.answers(1).code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(response.answers(2).code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(All(), ElementsAre("d", "d/f", "e", "l"));
}

TEST_F(BatchDeletesTest, ADeletionHasNothingButItsKind) {
  MakeTree();
  v1::CommitBatchRequest request = Deletions({"a", "a", "a", "a", ""});
  request.mutable_items(0)->mutable_metadata()->set_mode(0644);
  request.mutable_items(1)->mutable_metadata()->set_size(1);
  request.mutable_items(2)->add_nodes("node");
  request.mutable_items(3)->set_operation_id("short");
  for (const auto& answer : Answers(request)) {
    EXPECT_EQ(answer.code(), grpc::StatusCode::INVALID_ARGUMENT) << answer.message();
  }
  EXPECT_THAT(All(), ElementsAre("a", "d", "d/f", "e", "l"));
}

}  // namespace
}  // namespace dray::delta
