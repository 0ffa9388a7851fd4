// CompareBlocks, FilesWithoutMd5 and SetMd5s.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "core/chunking/sha256.h"
#include "services/delta/engine/service_fixture.h"

namespace dray::delta {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Code = grpc::StatusCode;

// Large enough for lists of more than one piece.
constexpr uint32_t kBlockBytes = 64;
constexpr size_t kPieceBytes = kHashesInPiece * kDigestBytes;

std::string HashOf(uint64_t block) {
  return std::string(Sha256(AsBytes(absl::StrCat("block ", block))).view());
}

std::vector<std::string> ListOf(uint64_t size, uint32_t block_bytes) {
  std::vector<std::string> hashes;
  for (uint64_t i = 0; i * block_bytes < size; ++i) hashes.push_back(HashOf(i));
  return hashes;
}

std::vector<std::string> Pieces(const std::vector<std::string>& hashes) {
  std::vector<std::string> pieces(1);
  for (const std::string& hash : hashes) {
    if (pieces.back().size() == kPieceBytes) pieces.emplace_back();
    pieces.back() += hash;
  }
  return pieces;
}

class Stream {
 public:
  explicit Stream(v1::Delta::Stub& stub) : stream_(stub.CompareBlocks(&context_)) {}

  v1::CompareBlocksResponse::Opened Open(const std::string& path, uint32_t block_bytes) {
    v1::CompareBlocksRequest request;
    request.mutable_open()->set_path(path);
    request.mutable_open()->set_block_bytes(block_bytes);
    return Exchange(request).opened();
  }
  void Store(const std::vector<std::string>& hashes) {
    const auto pieces = Pieces(hashes);
    for (size_t i = 0; i < pieces.size(); ++i) StorePiece(pieces[i], i + 1 == pieces.size());
  }
  void StorePiece(const std::string& hashes, bool last) {
    v1::CompareBlocksRequest request;
    request.mutable_stored()->set_hashes(hashes);
    request.mutable_stored()->set_last(last);
    EXPECT_TRUE(Exchange(request).has_kept());
  }
  bool Send(const v1::CompareBlocksRequest& request) {
    v1::CompareBlocksResponse response;
    return stream_->Write(request) && stream_->Read(&response);
  }
  std::vector<uint64_t> Compare(const std::vector<std::string>& hashes) {
    std::vector<uint64_t> missing;
    for (const std::string& piece : Pieces(hashes)) {
      v1::CompareBlocksRequest request;
      request.set_hashes(piece);
      const auto response = Exchange(request);
      missing.insert(missing.end(), response.missing().blocks().begin(),
                     response.missing().blocks().end());
    }
    return missing;
  }
  grpc::Status Finish() {
    stream_->WritesDone();
    return stream_->Finish();
  }

 private:
  v1::CompareBlocksResponse Exchange(const v1::CompareBlocksRequest& request) {
    v1::CompareBlocksResponse response;
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    return response;
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::CompareBlocksRequest, v1::CompareBlocksResponse>>
      stream_;
};

using CompareBlocksTest = DeltaServiceTest;

TEST_F(CompareBlocksTest, AListIsToldOnceAndKept) {
  const TestFile file = MakeTestFile(1, 40);
  ASSERT_TRUE(Put("file", file).ok());
  const auto list = ListOf(file.size, kBlockBytes);
  ASSERT_GT(list.size(), 2 * kHashesInPiece);
  {
    Stream stream(*stub_);
    const auto opened = stream.Open("file", kBlockBytes);
    EXPECT_EQ(opened.version().number(), 1u);
    EXPECT_EQ(opened.version().metadata().size(), file.size);
    ASSERT_TRUE(opened.list_needed());
    stream.Store(list);
    EXPECT_THAT(stream.Compare(list), IsEmpty());
    EXPECT_TRUE(stream.Finish().ok());
  }
  Stream stream(*stub_);
  ASSERT_FALSE(stream.Open("file", kBlockBytes).list_needed());
  auto other = list;
  other[0] = HashOf(1'000'000);
  other[kHashesInPiece] = HashOf(1'000'001);
  other.push_back(HashOf(1'000'002));
  EXPECT_THAT(stream.Compare(other), ElementsAre(0, kHashesInPiece, list.size()));
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(CompareBlocksTest, AListBelongsToItsContentAndItsBlockSize) {
  const TestFile file = MakeTestFile(1, 4);
  ASSERT_TRUE(Put("file", file).ok());
  ASSERT_TRUE(Put("copy", file).ok());
  ASSERT_TRUE(Put("other", MakeTestFile(9, 4)).ok());
  Stream first(*stub_);
  ASSERT_TRUE(first.Open("file", 4096).list_needed());
  first.Store(ListOf(file.size, 4096));
  EXPECT_FALSE(Stream(*stub_).Open("copy", 4096).list_needed());
  EXPECT_TRUE(Stream(*stub_).Open("file", 8192).list_needed());
  EXPECT_TRUE(Stream(*stub_).Open("other", 4096).list_needed());
}

TEST_F(CompareBlocksTest, ALongerListEndsAtAPieceAndAShorterOneIsFound) {
  const TestFile file = MakeTestFile(1, 4);
  ASSERT_TRUE(Put("file", file).ok());
  const auto list = ListOf(file.size, 4096);
  Stream stream(*stub_);
  stream.Open("file", 4096);
  stream.Store(list);
  EXPECT_THAT(stream.Compare({list.begin(), list.begin() + 3}), IsEmpty());
}

TEST_F(CompareBlocksTest, AnEmptyFileHasAnEmptyList) {
  ASSERT_TRUE(Put("empty", MakeTestFile(1, 0)).ok());
  Stream stream(*stub_);
  ASSERT_TRUE(stream.Open("empty", 4096).list_needed());
  stream.Store({});
  EXPECT_THAT(stream.Compare({HashOf(0), HashOf(1)}), ElementsAre(0, 1));
}

// A list whose teller went away in the middle is not known, and can be told again.
TEST_F(CompareBlocksTest, AListThatWasNotToldToItsEndIsNotKnown) {
  const TestFile file = MakeTestFile(1, 40);
  ASSERT_TRUE(Put("file", file).ok());
  const auto list = ListOf(file.size, kBlockBytes);
  {
    Stream stream(*stub_);
    stream.Open("file", kBlockBytes);
    stream.StorePiece(Pieces(list)[0], false);
    stream.Finish();
  }
  Stream stream(*stub_);
  ASSERT_TRUE(stream.Open("file", kBlockBytes).list_needed());
  stream.Store(list);
  EXPECT_THAT(stream.Compare(list), IsEmpty());
}

TEST_F(CompareBlocksTest, RefusesWhatIsNotThereAndStepsThatDoNotFit) {
  const TestFile file = MakeTestFile(1, 4);
  ASSERT_TRUE(Put("folder/file", file).ok());
  const auto end_after = [&](const std::vector<v1::CompareBlocksRequest>& requests) {
    Stream stream(*stub_);
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(stream.Send(requests[i]), i + 1 < requests.size());
    }
    return stream.Finish();
  };
  const auto open = [](const std::string& path, uint32_t block_bytes) {
    v1::CompareBlocksRequest request;
    request.mutable_open()->set_path(path);
    request.mutable_open()->set_block_bytes(block_bytes);
    return request;
  };
  const auto stored = [](const std::string& hashes, bool last) {
    v1::CompareBlocksRequest request;
    request.mutable_stored()->set_hashes(hashes);
    request.mutable_stored()->set_last(last);
    return request;
  };
  v1::CompareBlocksRequest compare;
  compare.set_hashes(HashOf(0));
  EXPECT_THAT(end_after({open("nothing", 4096)}), HasGrpcCode(Code::NOT_FOUND));
  EXPECT_THAT(end_after({open("folder", 4096)}), HasGrpcCode(Code::FAILED_PRECONDITION));
  EXPECT_THAT(end_after({open("folder/file", 1)}), HasGrpcCode(Code::INVALID_ARGUMENT));
  EXPECT_THAT(end_after({compare}), HasGrpcCode(Code::INVALID_ARGUMENT));
  EXPECT_THAT(end_after({v1::CompareBlocksRequest()}), HasGrpcCode(Code::INVALID_ARGUMENT));
  const auto opened = open("folder/file", 4096);
  EXPECT_THAT(end_after({opened, opened}), HasGrpcCode(Code::INVALID_ARGUMENT));
  EXPECT_THAT(end_after({opened, compare}), HasGrpcCode(Code::INVALID_ARGUMENT));
  EXPECT_THAT(end_after({opened, stored("31 bytes at most", true)}),
              HasGrpcCode(Code::INVALID_ARGUMENT));
  EXPECT_THAT(end_after({opened, stored(HashOf(0), true)}), HasGrpcCode(Code::INVALID_ARGUMENT));
  EXPECT_THAT(end_after({opened, stored(HashOf(0), false)}), HasGrpcCode(Code::INVALID_ARGUMENT));
  EXPECT_TRUE(Stream(*stub_).Open("folder/file", 4096).list_needed());
}

class Md5Test : public DeltaServiceTest {
 protected:
  std::vector<wire::v1::Version> Without(const std::string& after = "", uint32_t limit = 100) {
    v1::FilesWithoutMd5Request request;
    request.set_after_root(after);
    request.set_limit(limit);
    grpc::ClientContext context;
    v1::VersionsResponse response;
    EXPECT_TRUE(stub_->FilesWithoutMd5(&context, request, &response).ok());
    return {response.versions().begin(), response.versions().end()};
  }
  grpc::Status Set(const std::string& root, const std::string& md5) {
    v1::SetMd5sRequest request;
    auto* item = request.add_items();
    item->set_root(root);
    item->set_md5(md5);
    grpc::ClientContext context;
    v1::SetMd5sResponse response;
    return stub_->SetMd5s(&context, request, &response);
  }
  std::string Md5Of(const std::string& path, uint64_t number) {
    v1::StatRequest request;
    request.set_path(path);
    request.set_number(number);
    grpc::ClientContext context;
    v1::ChangedResponse response;
    EXPECT_TRUE(stub_->Stat(&context, request, &response).ok());
    return response.version().md5();
  }
};

TEST_F(Md5Test, EachContentIsListedOnceUntilItsMd5IsKnown) {
  const TestFile file = MakeTestFile(1, 3);
  ASSERT_TRUE(Put("folder/a", file).ok());
  ASSERT_TRUE(Put("b", file).ok());
  ASSERT_TRUE(Put("c", MakeTestFile(7, 2)).ok());
  ASSERT_TRUE(Put("c", MakeTestFile(9, 2)).ok());
  const auto all = Without();
  ASSERT_EQ(all.size(), 3u);
  std::map<std::string, int> paths;
  for (const auto& version : all) ++paths[version.path()];
  EXPECT_EQ(paths["c"], 2);
  // In order of the roots, and from any of them on.
  EXPECT_LT(all[0].root(), all[1].root());
  ASSERT_EQ(Without("", 1).size(), 1u);
  EXPECT_EQ(Without("", 1)[0].root(), all[0].root());
  ASSERT_EQ(Without(all[0].root()).size(), 2u);
  EXPECT_EQ(Without(all[0].root())[0].root(), all[1].root());

  const std::string md5(16, 'm');
  ASSERT_TRUE(Set(std::string(file.root.view()), md5).ok());
  EXPECT_EQ(Without().size(), 2u);
  EXPECT_EQ(Md5Of("folder/a", 1), md5);
  EXPECT_EQ(Md5Of("b", 1), md5);
  EXPECT_EQ(Md5Of("c", 1), "");
  // What is known stays.
  ASSERT_TRUE(Set(std::string(file.root.view()), std::string(16, 'x')).ok());
  EXPECT_EQ(Md5Of("b", 1), md5);
}

TEST_F(Md5Test, RefusesWhatIsNoMd5) {
  EXPECT_THAT(Set(std::string(32, 'r'), "short"), HasGrpcCode(Code::INVALID_ARGUMENT));
  EXPECT_THAT(Set("short", std::string(16, 'm')), HasGrpcCode(Code::INVALID_ARGUMENT));
  EXPECT_TRUE(Set(std::string(32, 'r'), std::string(16, 'm')).ok());
}

}  // namespace
}  // namespace dray::delta
