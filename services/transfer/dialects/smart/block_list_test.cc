#include "services/transfer/dialects/smart/block_list.h"

#include <gtest/gtest.h>

#include "core/chunking/sha256.h"

namespace dray::transfer::smart {
namespace {

std::string Hash(int number) { return Sha256(AsBytes(std::to_string(number))).hex(); }

std::string ListText(int blocks) {
  std::string text = "{\"total_blocks\": " + std::to_string(blocks) + ", \"hashes\": [";
  for (int i = 0; i < blocks; ++i) text += (i == 0 ? "\"" : ", \"") + Hash(i) + "\"";
  return text + "], \"file_hash\": \"" + Hash(-1) + "\"}";
}

absl::Status Parse(const std::string& text, size_t step, std::string* hashes,
                   AnyDigest* file_hash = nullptr) {
  BlockListParser parser;
  for (size_t at = 0; at < text.size(); at += step) {
    DRAY_RETURN_IF_ERROR(parser.Write(std::string_view(text).substr(at, step)));
    hashes->append(parser.TakeHashes());
  }
  DRAY_RETURN_IF_ERROR(parser.Finish());
  hashes->append(parser.TakeHashes());
  if (file_hash != nullptr) *file_hash = parser.file_hash();
  return absl::OkStatus();
}

TEST(BlockListTest, IsTheSameHoweverItIsCut) {
  std::string wanted;
  for (int i = 0; i < 20; ++i) wanted += Sha256(AsBytes(std::to_string(i))).view();
  for (const size_t step : {1u, 7u, 64u, 100'000u}) {
    std::string hashes;
    AnyDigest file_hash;
    ASSERT_TRUE(Parse(ListText(20), step, &hashes, &file_hash).ok()) << step;
    EXPECT_EQ(hashes, wanted);
    EXPECT_EQ(file_hash.hex(), Hash(-1));
  }
}

TEST(BlockListTest, EmptyListsAnyOrderAndMembersOfOthers) {
  std::string hashes;
  EXPECT_TRUE(Parse(ListText(0), 5, &hashes).ok());
  EXPECT_EQ(hashes, "");
  EXPECT_TRUE(Parse(" {\"file_hash\":\"" + Hash(0) +
                        "\",\"mtime\":1.5,\"x\":null,\"y\":\"z\","
                        "\"hashes\":[\"" +
                        Hash(1) + "\"],\"total_blocks\":1}\n",
                    3, &hashes)
                  .ok());
  EXPECT_EQ(hashes, Sha256(AsBytes("1")).view());
}

TEST(BlockListTest, WhatIsWrongIsSaid) {
  const std::string good = ListText(2);
  const auto replaced = [&](const std::string& what, const std::string& with) {
    std::string text = good;
    return text.replace(text.find(what), what.size(), with);
  };
  const std::vector<std::string> wrong = {
      "",
      "[]",
      "17",
      "\"x\"",
      "{}",
      good.substr(0, good.size() - 1),
      good + "x",
      replaced(": 2", ": 3"),
      replaced(": 2", ": -2"),
      replaced(": 2", ": \"2\""),
      replaced("hashes\": [", "hashes\": [["),
      replaced("hashes\": [", "hashes\": [1,"),
      replaced("hashes", "flashes"),
      replaced(Hash(0), Hash(0) + "0"),
      replaced(Hash(1), "z" + Hash(1).substr(1)),
      replaced(Hash(-1), "abc"),
      replaced("total_blocks", "total"),
      replaced(": 2", ": {\"a\": 1}"),
      replaced(": 2", ": 99999999999999999999999"),
      "{\"" + std::string(100'000, 'k') + "\": 1}",
      std::string(100'000, '['),
  };
  for (const std::string& text : wrong) {
    for (const size_t step : {3u, 1'000'000u}) {
      std::string hashes;
      const absl::Status status = Parse(text, step, &hashes);
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << text.substr(0, 200) << ": " << status;
      EXPECT_NE(status.message(), "");
    }
  }
}

TEST(BlockListTest, TheMissingAreTextOfATellableLength) {
  for (const size_t count : {0u, 1u, 2u, 30'000u}) {
    std::vector<uint32_t> blocks;
    for (size_t i = 0; i < count; ++i) blocks.push_back(static_cast<uint32_t>(i * 7));
    MissingText text(&blocks);
    std::string whole;
    for (std::string piece = text.Next(); !piece.empty(); piece = text.Next()) whole += piece;
    EXPECT_EQ(whole.size(), text.length_bytes());
    if (count == 0) {
      EXPECT_EQ(whole, "{\"missing\": []}");
    }
    if (count == 2) {
      EXPECT_EQ(whole, "{\"missing\": [0, 7]}");
    }
  }
}

}  // namespace
}  // namespace dray::transfer::smart
