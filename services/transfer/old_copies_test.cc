// Gets of files of which the client has older copies: what it sees on the wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/subchunk/prefix.h"
#include "services/transfer/testing/test_file.h"
#include "services/transfer/testing/test_server.h"
#include "services/transfer/testing/wire_client.h"

namespace dray::transfer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint16_t kRequest = 7;
constexpr uint32_t kFeatures = wire::v1::DOWNLOAD_DELTAS | wire::v1::OLD_COPIES;
constexpr size_t kEntryBytes = kDigestBytes + 4;

std::string IdsOf(const TestFile& file) {
  std::string ids;
  for (const TestFile::Chunk& chunk : file.chunks) ids += chunk.id.view();
  return ids;
}

class OldCopiesTest : public ::testing::Test {
 protected:
  struct Answer {
    wire::v1::GetItems items;
    std::vector<WireClient::Frame> frames;  // data frames and deltas
  };

  void SetUp() override {
    ASSERT_TRUE(client_.Greet({}, kFeatures).ok());
    ASSERT_TRUE(Upload(&client_, kRequest, "file", old_).ok());
    ASSERT_TRUE(Upload(&client_, kRequest, "file", edited_).ok());
    ASSERT_GT(old_.chunks.size(), 3u);
    ASSERT_EQ(old_.chunks.size(), edited_.chunks.size());
  }
  // The same chunks but for the second one.
  static std::string Edited(std::string content) {
    const TestFile file(content);
    content.replace(file.chunks[0].bytes.size() + 100, 10, "a new text");
    return content;
  }
  static void AddItem(wire::v1::Get* get, const std::string& path, const std::string& ids) {
    wire::v1::Get::Item* const item = get->add_items();
    item->mutable_version()->set_path(path);
    item->set_old_chunk_ids(ids);
  }
  static wire::v1::Get GetOf(const std::string& ids) {
    wire::v1::Get get;
    AddItem(&get, "file", ids);
    return get;
  }
  absl::StatusOr<Answer> Ask(const wire::v1::Get& get) {
    auto frame = client_.Call(FrameType::kGet, kRequest, get, FrameType::kGetItems);
    if (!frame.ok()) return frame.status();
    Answer answer = {.items = frame->As<wire::v1::GetItems>(), .frames = {}};
    while (true) {
      frame = client_.Read();
      if (!frame.ok()) return frame.status();
      if (frame->header.type == FrameType::kError) return ToStatus(frame->As<wire::v1::Error>());
      if (frame->header.type == FrameType::kGetEnd) return answer;
      answer.frames.push_back(*std::move(frame));
    }
  }
  // That the frame is a delta which makes the second chunk of the old copy's.
  void ExpectSecondChunk(const WireClient::Frame& frame) {
    ASSERT_EQ(frame.header.type, FrameType::kGetDelta);
    const auto delta = frame.As<wire::v1::GetDelta>();
    EXPECT_LT(delta.delta().size(), 100u);
    EXPECT_EQ(delta.base_first(), 1u);
    EXPECT_EQ(delta.base_count(), 1u);
    std::string made(edited_.chunks[1].bytes.size(), '\0');
    ASSERT_TRUE(ExpandWithPrefix(AsBytes(delta.delta()), AsBytes(old_.chunks[1].bytes),
                                 {reinterpret_cast<uint8_t*>(made.data()), made.size()})
                    .ok());
    EXPECT_TRUE(made == edited_.chunks[1].bytes);
  }

  const TestFile old_{RandomContent(400'000, 1)};
  const TestFile edited_{Edited(old_.content)};
  TestServer server_;
  WireClient client_{server_.address()};
};

TEST_F(OldCopiesTest, OnlyWhatIsNewComesAndAsADelta) {
  const auto answer = Ask(GetOf(IdsOf(old_)));
  ASSERT_TRUE(answer.ok()) << answer.status();
  const wire::v1::GetItems::Item& item = answer->items.items(0);
  ASSERT_EQ(item.entries().size(), edited_.chunks.size() * kEntryBytes);
  for (size_t i = 0; i < edited_.chunks.size(); ++i) {
    EXPECT_EQ(item.entries().substr(i * kEntryBytes, kDigestBytes), edited_.chunks[i].id.view());
  }
  EXPECT_EQ(item.data_bytes(), edited_.chunks[1].bytes.size());
  ASSERT_EQ(answer->frames.size(), 1u);
  ExpectSecondChunk(answer->frames[0]);
}

TEST_F(OldCopiesTest, WhereTheServerHasNoneOfTheOldChunksAllComes) {
  const auto answer = Ask(GetOf(std::string(2 * kDigestBytes, 'x')));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->items.items(0).entries(), IsEmpty());
  EXPECT_EQ(answer->items.items(0).data_bytes(), edited_.content.size());
  EXPECT_EQ(answer->frames.size(), edited_.chunks.size());
}

TEST_F(OldCopiesTest, WhereTheOldChunksAreAllThereNothingComes) {
  const auto answer = Ask(GetOf(IdsOf(edited_)));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->items.items(0).entries().size(), edited_.chunks.size() * kEntryBytes);
  EXPECT_EQ(answer->items.items(0).data_bytes(), 0u);
  EXPECT_THAT(answer->frames, IsEmpty());
}

// An old copy that was changed here as well: what the server never saw is no base.
TEST_F(OldCopiesTest, WhatTheServerNeverSawIsNoBase) {
  std::string ids = IdsOf(old_);
  ids.replace(kDigestBytes, kDigestBytes, kDigestBytes, 'x');
  const auto answer = Ask(GetOf(ids));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->items.items(0).data_bytes(), edited_.chunks[1].bytes.size());
  ASSERT_EQ(answer->frames.size(), 1u);
  EXPECT_EQ(answer->frames[0].header.type, FrameType::kData) << "its neighbours are of no use";
}

TEST_F(OldCopiesTest, ItemsWithAndWithoutStandBesideEachOther) {
  const TestFile other(RandomContent(30'000, 5));
  ASSERT_TRUE(Upload(&client_, kRequest, "other", other).ok());
  wire::v1::Get get;
  AddItem(&get, "other", "");
  AddItem(&get, "file", IdsOf(old_));
  AddItem(&get, "nothing", IdsOf(old_));
  AddItem(&get, "other", IdsOf(old_));
  AddItem(&get, "file", "");
  const auto answer = Ask(get);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->items.items(0).entries(), IsEmpty());
  EXPECT_FALSE(answer->items.items(1).entries().empty());
  EXPECT_TRUE(answer->items.items(2).has_error());
  EXPECT_FALSE(answer->items.items(3).entries().empty());
  EXPECT_EQ(answer->items.items(3).data_bytes(), other.content.size());
  EXPECT_EQ(answer->items.items(4).data_bytes(), edited_.content.size());
  const size_t others = other.chunks.size();
  ASSERT_EQ(answer->frames.size(), others + 1 + others + edited_.chunks.size());
  for (size_t i = 0; i < answer->frames.size(); ++i) {
    if (i == others) {
      ExpectSecondChunk(answer->frames[i]);
    } else {
      EXPECT_EQ(answer->frames[i].header.type, FrameType::kData) << i;
    }
  }
}

TEST_F(OldCopiesTest, OldCopiesThatCannotBeAreRefused) {
  const auto code_of = [&](const wire::v1::Get& get) { return Ask(get).status().code(); };
  const auto refused = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code_of(GetOf("x")), refused);
  EXPECT_EQ(code_of(GetOf(IdsOf(old_) + "x")), refused);
  EXPECT_EQ(code_of(GetOf(std::string(65 * kDigestBytes, 'x'))), refused);
  wire::v1::Get get;
  for (int i = 0; i < 129; ++i) AddItem(&get, "file", std::string(64 * kDigestBytes, 'x'));
  EXPECT_EQ(code_of(get), refused);
  get = GetOf(IdsOf(old_));
  get.mutable_items(0)->add_ranges()->set_length(10);
  EXPECT_EQ(code_of(get), refused);
  get = GetOf(IdsOf(old_));
  get.mutable_items(0)->add_bases()->set_count(1);
  get.mutable_items(0)->mutable_bases(0)->set_chunk_ids(IdsOf(old_));
  EXPECT_EQ(code_of(get), refused);
  // The connection goes on.
  EXPECT_EQ(DownloadFile(&client_, kRequest, "file")->content, edited_.content);
}

TEST_F(OldCopiesTest, AClientThatDidNotSaySoMayNameNone) {
  WireClient plain(server_.address());
  ASSERT_TRUE(plain.Greet({}, wire::v1::DOWNLOAD_DELTAS).ok());
  const auto answer =
      plain.Call(FrameType::kGet, kRequest, GetOf(IdsOf(old_)), FrameType::kGetItems);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument);
}

// Beyond what is held before it is sent: the copy is of no use, and the file comes all the same.
TEST_F(OldCopiesTest, AVersionOfManyChunksComesWhole) {
  const TestFile large(RandomContent(90'000'000, 6));
  ASSERT_GT(large.chunks.size(), 1024u);
  ASSERT_TRUE(Upload(&client_, kRequest, "large", large).ok());
  wire::v1::Get get;
  AddItem(&get, "large", std::string(large.chunks[0].id.view()));
  const auto got = DownloadAll(&client_, kRequest, get);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(got->items.items(0).entries(), IsEmpty());
  EXPECT_TRUE(got->content == large.content);
}

}  // namespace
}  // namespace dray::transfer
