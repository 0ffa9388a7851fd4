// Which old chunks are the base of which new ones. What a client sees of it: old_copies_test of
// services/transfer.
#include "services/transfer/engine/old_copies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"

namespace dray::transfer {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr uint32_t kChunk = 64 << 10;
constexpr auto kNew = std::nullopt;
constexpr OldRange kNone = {0, 0};
using Places = std::vector<std::optional<uint32_t>>;

std::vector<uint32_t> Known(size_t count) { return std::vector<uint32_t>(count, kChunk); }

std::vector<OldRange> Choose(const std::vector<uint32_t>& lengths, const Places& places) {
  return ChooseOldBases(lengths, places);
}

TEST(ChooseOldBasesTest, WhatStoodInItsPlace) {
  EXPECT_THAT(Choose(Known(4), {0, 1, kNew, 3}), ElementsAre(kNone, kNone, OldRange{2, 1}, kNone));
  EXPECT_THAT(Choose(Known(1), {kNew}), ElementsAre(OldRange{0, 1}));
  EXPECT_THAT(Choose(Known(3), {kNew, 1, kNew}),
              ElementsAre(OldRange{0, 1}, kNone, OldRange{2, 1}));
}

TEST(ChooseOldBasesTest, NewChunksInARowShareTheGap) {
  EXPECT_THAT(Choose(Known(4), {0, kNew, kNew, 3}),
              ElementsAre(kNone, OldRange{1, 2}, OldRange{1, 2}, kNone));
  EXPECT_THAT(Choose(Known(3), {0, kNew, kNew, 2}),
              ElementsAre(kNone, OldRange{1, 1}, OldRange{1, 1}, kNone));
}

TEST(ChooseOldBasesTest, WhereNothingStoodItsNeighboursAreTaken) {
  EXPECT_THAT(Choose(Known(4), {0, 1, kNew, 2, 3}),
              ElementsAre(kNone, kNone, OldRange{1, 2}, kNone, kNone));
  EXPECT_THAT(Choose(Known(2), {kNew, 0, 1}), ElementsAre(OldRange{0, 1}, kNone, kNone));
  EXPECT_THAT(Choose(Known(2), {0, 1, kNew}), ElementsAre(kNone, kNone, OldRange{1, 1}));
}

TEST(ChooseOldBasesTest, ChunksThatTheServerDoesNotHaveAreNoBase) {
  std::vector<uint32_t> lengths = Known(5);
  lengths[2] = 0;
  EXPECT_THAT(Choose(lengths, {0, 1, kNew, 3, 4})[2], OldRange({1, 1}));
  EXPECT_THAT(Choose(lengths, {0, kNew, kNew, kNew, 4})[1], OldRange({1, 1}));
  EXPECT_THAT(Choose(lengths, {0, kNew, kNew, kNew, 4})[3], OldRange({3, 1}));
  EXPECT_THAT(Choose({0, 0}, {kNew, kNew}), Each(kNone));
  EXPECT_THAT(Choose({}, {kNew}), ElementsAre(kNone));
}

TEST(ChooseOldBasesTest, WhereNothingNearIsKnownWhatIsAtTheSamePlaceIsTaken) {
  std::vector<uint32_t> lengths(10, 0);
  lengths[8] = kChunk;
  EXPECT_THAT(Choose(lengths, {0, kNew, 2})[1], OldRange({8, 1}));
}

TEST(ChooseOldBasesTest, WhatWasMovedDoesNoHarm) {
  EXPECT_THAT(Choose(Known(4), {3, kNew, 0})[1], OldRange({0, 4}));
}

TEST(ChooseOldBasesTest, ABaseIsHalfAMebibyteAtMostAndAtTheSamePlace) {
  const std::vector<uint32_t> lengths = Known(64);
  const std::vector<OldRange> bases = Choose(lengths, Places(64, kNew));
  for (size_t i = 0; i < bases.size(); ++i) {
    EXPECT_EQ(bases[i].count, kMaxOldBaseBytes / kChunk);
    EXPECT_LE(bases[i].first, i);
    EXPECT_GT(bases[i].first + bases[i].count, i);
  }
}

TEST(OldCopiesTest, WhatIsNoListOfIdsIsRefused) {
  const auto code = [](std::vector<std::string> ids) {
    return OldCopies::Make(std::move(ids)).status().code();
  };
  const auto ids = [](size_t count) { return std::string(count * kDigestBytes, 'x'); };
  EXPECT_EQ(code({"", ids(1), ids(64)}), absl::StatusCode::kOk);
  EXPECT_EQ(code({ids(1) + "x"}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({ids(65)}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(std::vector<std::string>(128, ids(64))), absl::StatusCode::kOk);
  EXPECT_EQ(code(std::vector<std::string>(129, ids(64))), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace dray::transfer
