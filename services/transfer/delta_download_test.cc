// Chunks of downloads that come as deltas, and nodes by their ids: what a client sees on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/chunking/node.h"
#include "core/subchunk/prefix.h"
#include "core/subchunk/signature.h"
#include "services/transfer/testing/test_file.h"
#include "services/transfer/testing/test_server.h"
#include "services/transfer/testing/wire_client.h"

namespace dray::transfer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint16_t kRequest = 7;
constexpr uint32_t kFeatures = wire::v1::NODES | wire::v1::DOWNLOAD_DELTAS;

class DeltaDownloadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(client_.Greet({}, kFeatures).ok());
    ASSERT_TRUE(Upload(&client_, kRequest, "file", old_).ok());
    ASSERT_TRUE(Upload(&client_, kRequest, "file", edited_).ok());
  }
  static std::string Edited(std::string content) {
    content.replace(5'000, 10, "a new text");
    return content;
  }
  static wire::v1::Get GetOf(const wire::v1::GetBase& base) {
    wire::v1::Get get;
    get.add_items()->mutable_version()->set_path("file");
    *get.mutable_items(0)->add_bases() = base;
    return get;
  }
  static wire::v1::GetBase ById(const ChunkId& id) {
    wire::v1::GetBase base;
    base.set_count(1);
    base.set_chunk_ids(std::string(id.view()));
    return base;
  }
  wire::v1::GetBase BySignature(uint32_t block_bytes) {
    wire::v1::GetBase base;
    base.set_count(1);
    base.set_block_bytes(block_bytes);
    base.set_hashes(*SignBlocks(AsBytes(old_.content), block_bytes));
    return base;
  }
  // What comes after GetItems, which is written to `items`.
  absl::StatusOr<WireClient::Frame> Ask(const wire::v1::Get& get, wire::v1::GetItems* items) {
    auto frame = client_.Call(FrameType::kGet, kRequest, get, FrameType::kGetItems);
    if (!frame.ok()) return frame;
    *items = frame->As<wire::v1::GetItems>();
    frame = client_.Read();
    if (frame.ok() && frame->header.type == FrameType::kError) {
      return ToStatus(frame->As<wire::v1::Error>());
    }
    return frame;
  }
  absl::StatusCode CodeOf(const wire::v1::Get& get) {
    wire::v1::GetItems items;
    return Ask(get, &items).status().code();
  }

  // One chunk each: shorter than the least length.
  const TestFile old_{RandomContent(15'000, 1)};
  const TestFile edited_{Edited(old_.content)};
  TestServer server_;
  WireClient client_{server_.address()};
};

TEST_F(DeltaDownloadTest, AChunkWhoseBaseIsKnownIsAFrameWithThatPrefix) {
  wire::v1::GetItems items;
  const auto frame = Ask(GetOf(ById(old_.chunks[0].id)), &items);
  ASSERT_TRUE(frame.ok()) << frame.status();
  EXPECT_THAT(items.items(0).unknown_bases(), IsEmpty());
  ASSERT_EQ(frame->header.type, FrameType::kGetDelta);
  const auto delta = frame->As<wire::v1::GetDelta>();
  EXPECT_LT(delta.delta().size(), 100u);
  std::string made(edited_.content.size(), '\0');
  ASSERT_TRUE(ExpandWithPrefix(AsBytes(delta.delta()), AsBytes(old_.content),
                               {reinterpret_cast<uint8_t*>(made.data()), made.size()})
                  .ok());
  EXPECT_TRUE(made == edited_.content);
  EXPECT_TRUE(client_.ReadUntil(FrameType::kGetEnd).ok());
}

TEST_F(DeltaDownloadTest, WhatAnUnknownBaseIsForIsLeftOut) {
  wire::v1::GetItems items;
  const auto frame = Ask(GetOf(ById(ChunkId())), &items);
  ASSERT_TRUE(frame.ok()) << frame.status();
  EXPECT_THAT(items.items(0).unknown_bases(), ElementsAre(0u));
  EXPECT_EQ(frame->header.type, FrameType::kGetEnd);
}

TEST_F(DeltaDownloadTest, ASignatureIsAnsweredByADelta) {
  wire::v1::GetItems items;
  const auto frame = Ask(GetOf(BySignature(512)), &items);
  ASSERT_TRUE(frame.ok()) << frame.status();
  ASSERT_EQ(frame->header.type, FrameType::kGetDelta);
  const auto delta = frame->As<wire::v1::GetDelta>();
  EXPECT_LT(delta.delta().size(), 1000u);
  EXPECT_EQ(delta.raw_bytes(), 0u) << "random bytes do not become shorter";
  std::string made(edited_.content.size(), '\0');
  ASSERT_TRUE(ApplyDelta(AsBytes(delta.delta()), AsBytes(old_.content),
                         {reinterpret_cast<uint8_t*>(made.data()), made.size()})
                  .ok());
  EXPECT_TRUE(made == edited_.content);
}

TEST_F(DeltaDownloadTest, WhereABaseIsOfNoUseTheChunkComesAsItLies) {
  const TestFile unlike(RandomContent(15'000, 3));
  ASSERT_TRUE(Upload(&client_, kRequest, "unlike", unlike).ok());
  wire::v1::GetItems items;
  const auto frame = Ask(GetOf(ById(unlike.chunks[0].id)), &items);
  ASSERT_TRUE(frame.ok()) << frame.status();
  EXPECT_EQ(frame->header.type, FrameType::kData);
}

TEST_F(DeltaDownloadTest, BasesThatCannotBeAreRefused) {
  const auto refused = absl::StatusCode::kInvalidArgument;
  wire::v1::GetBase base = ById(old_.chunks[0].id);
  base.mutable_chunk_ids()->pop_back();
  EXPECT_EQ(CodeOf(GetOf(base)), refused);
  base.clear_chunk_ids();
  EXPECT_EQ(CodeOf(GetOf(base)), refused);
  base = ById(old_.chunks[0].id);
  base.set_count(0);
  EXPECT_EQ(CodeOf(GetOf(base)), refused);
  base.set_count(1);
  base.set_chunk_ids(std::string(8193 * kDigestBytes, 'x'));
  EXPECT_EQ(CodeOf(GetOf(base)), refused);
  wire::v1::Get get = GetOf(ById(old_.chunks[0].id));
  *get.mutable_items(0)->add_bases() = get.items(0).bases(0);
  EXPECT_EQ(CodeOf(get), refused);
  get = GetOf(ById(old_.chunks[0].id));
  get.add_items()->mutable_version()->set_path("file");
  EXPECT_EQ(CodeOf(get), refused);
  base = BySignature(512);
  base.set_block_bytes(0);
  EXPECT_EQ(CodeOf(GetOf(base)), refused);
  base.set_block_bytes(65'536);
  base.set_hashes(std::string(100 * kBlockHashBytes, 'x'));
  EXPECT_EQ(CodeOf(GetOf(base)), refused);
  // The connection goes on.
  EXPECT_EQ(DownloadFile(&client_, kRequest, "file")->content, edited_.content);
}

TEST_F(DeltaDownloadTest, AClientThatDidNotSaySoMayOfferNone) {
  WireClient plain(server_.address());
  ASSERT_TRUE(plain.Greet().ok());
  const auto answer =
      plain.Call(FrameType::kGet, kRequest, GetOf(ById(old_.chunks[0].id)), FrameType::kGetItems);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(DeltaDownloadTest, NodesComeByTheirIds) {
  wire::v1::GetNodes get;
  get.set_node_ids(std::string(edited_.root.view()) + std::string(old_.root.view()));
  auto answer = client_.Call(FrameType::kGetNodes, kRequest, get, FrameType::kNodes);
  ASSERT_TRUE(answer.ok()) << answer.status();
  const auto nodes = answer->As<wire::v1::Nodes>();
  EXPECT_EQ(nodes.raw_bytes(), 0u);
  EXPECT_EQ(nodes.encodings(), edited_.nodes[0].encoding + old_.nodes[0].encoding);
  get.set_node_ids(std::string(kDigestBytes, 'x'));
  answer = client_.Call(FrameType::kGetNodes, kRequest, get, FrameType::kNodes);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kNotFound);
  for (const size_t bytes : {size_t{0}, size_t{31}, 65 * kDigestBytes}) {
    get.set_node_ids(std::string(bytes, 'x'));
    answer = client_.Call(FrameType::kGetNodes, kRequest, get, FrameType::kNodes);
    EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument) << bytes;
  }
}

TEST_F(DeltaDownloadTest, RootsComeForVersions) {
  wire::v1::GetRoots get;
  const auto ask = [&](const std::string& path, uint64_t number) {
    get.add_versions()->set_path(path);
    get.mutable_versions()->rbegin()->set_number(number);
  };
  ask("file", 2);
  ask("nobody", 0);
  ask("file", 1);
  ask("file", 3);
  ask("file", 0);
  auto answer = client_.Call(FrameType::kGetRoots, kRequest, get, FrameType::kRoots);
  ASSERT_TRUE(answer.ok()) << answer.status();
  const std::string none(kDigestBytes, '\0');
  const std::string now(edited_.root.view());
  EXPECT_EQ(answer->As<wire::v1::Roots>().roots(),
            now + none + std::string(old_.root.view()) + none + now);
  while (get.versions_size() < 256) ask("file", 0);
  answer = client_.Call(FrameType::kGetRoots, kRequest, get, FrameType::kRoots);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->As<wire::v1::Roots>().roots().size(), 256 * kDigestBytes);
}

TEST_F(DeltaDownloadTest, RootsOfNoneOfTooManyAndOfNoNamesAreRefused) {
  const auto code = [this](const wire::v1::GetRoots& get) {
    return client_.Call(FrameType::kGetRoots, kRequest, get, FrameType::kRoots).status().code();
  };
  wire::v1::GetRoots get;
  EXPECT_EQ(code(get), absl::StatusCode::kInvalidArgument);
  for (int i = 0; i < 257; ++i) get.add_versions()->set_path("file");
  EXPECT_EQ(code(get), absl::StatusCode::kInvalidArgument);
  for (const char* path : {"../file", ""}) {
    get.Clear();
    get.add_versions()->set_path(path);
    EXPECT_EQ(code(get), absl::StatusCode::kInvalidArgument) << path;
  }
  get.mutable_versions(0)->set_path("file");
  get.mutable_versions(0)->set_at_ns(1'700'000'000'000'000'000);
  EXPECT_EQ(code(get), absl::StatusCode::kInvalidArgument);
}

TEST_F(DeltaDownloadTest, NodesComeAsWhatDiffersFromThoseThatTheClientHas) {
  const std::string content = RandomContent(4'000'000, 4);
  const TestFile before(content);
  const TestFile after(Edited(content));
  ASSERT_TRUE(Upload(&client_, kRequest, "large", before).ok());
  ASSERT_TRUE(Upload(&client_, kRequest, "large", after).ok());
  wire::v1::GetNodes get;
  get.set_node_ids(std::string(after.nodes[0].id.view()));
  get.set_base_ids(std::string(kDigestBytes, 'x') + std::string(before.nodes[0].id.view()));
  const auto answer = client_.Call(FrameType::kGetNodes, kRequest, get, FrameType::kNodes);
  ASSERT_TRUE(answer.ok()) << answer.status();
  const auto nodes = answer->As<wire::v1::Nodes>();
  EXPECT_THAT(nodes.bases(), ElementsAre(1u));
  EXPECT_LT(nodes.encodings().size(), 200u);
  ASSERT_EQ(nodes.raw_bytes(), after.nodes[0].encoding.size());
  std::string made(nodes.raw_bytes(), '\0');
  ASSERT_TRUE(ExpandWithPrefix(AsBytes(nodes.encodings()), AsBytes(before.nodes[0].encoding),
                               {reinterpret_cast<uint8_t*>(made.data()), made.size()})
                  .ok());
  EXPECT_EQ(made, after.nodes[0].encoding);
}

}  // namespace
}  // namespace dray::transfer
