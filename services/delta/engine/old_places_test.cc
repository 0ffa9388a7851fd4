#include "services/delta/engine/old_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/status.h"
#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

using testing::Eq;
using testing::Optional;

class OldPlacesTest : public ::testing::Test {
 protected:
  TestFile Add(const TestFile& file) {
    EXPECT_TRUE(WriteAndWait(*catalog_, [&](CatalogTransaction& transaction) {
                  return AddTestFile(transaction, file);
                }).ok());
    return file;
  }
  std::optional<uint64_t> Find(OldPlaces* places, uint64_t number, uint64_t near_bytes = 0) {
    std::optional<uint64_t> found;
    ReadAndWait(*catalog_, [&](CatalogView& view) {
      const auto answer = places->Find(view, TestChunkId(number), near_bytes);
      EXPECT_TRUE(answer.ok()) << answer.status();
      if (answer.ok()) found = *answer;
    });
    return found;
  }
  static uint64_t BytesOf(const TestFile& file, size_t chunks) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < chunks; ++i) bytes += file.chunks[i].length_bytes;
    return bytes;
  }

  const std::unique_ptr<Catalog> catalog_ = OpenTestCatalog(NewTestFolder() + "/catalog.db");
};

TEST_F(OldPlacesTest, EachChunkIsFoundAndNoOther) {
  const TestFile file = Add(MakeTestFile(0, 2000));
  OldPlaces places(file.root);
  for (const size_t i : {0u, 1u, 777u, 1999u}) {
    EXPECT_THAT(Find(&places, i), Optional(BytesOf(file, i)));
  }
  EXPECT_THAT(Find(&places, 2000), Eq(std::nullopt));
}

TEST_F(OldPlacesTest, OfManyPlacesTheNearest) {
  std::vector<uint64_t> numbers(2000);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = i % 500 == 100 ? 100 : i + 1000;
  const TestFile file = Add(MakeTestFile(numbers));
  OldPlaces places(file.root);
  for (const size_t i : {100u, 600u, 1100u, 1600u}) {
    const uint64_t place = BytesOf(file, i);
    EXPECT_THAT(Find(&places, 100, place), Optional(place));
    EXPECT_THAT(Find(&places, 100, place + 1'000'000), Optional(place));
    EXPECT_THAT(Find(&places, 100, place - 1'000'000), Optional(place));
  }
}

TEST_F(OldPlacesTest, NoMoreIsReadAndKeptThanTheLimit) {
  const TestFile file = Add(MakeTestFile(0, 5000));
  OldPlaces places(file.root, 1024);
  EXPECT_THAT(Find(&places, 0), Optional(0u));
  EXPECT_THAT(Find(&places, 700), Optional(BytesOf(file, 700)));
  EXPECT_THAT(Find(&places, 1024), Eq(std::nullopt));
  EXPECT_THAT(Find(&places, 4999), Eq(std::nullopt));
  EXPECT_LE(places.memory_bytes(), 1024u * 12);
}

}  // namespace
}  // namespace dray::delta
