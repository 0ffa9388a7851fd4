#include "services/transfer/dialects/admissions.h"

#include <gtest/gtest.h>

#include <atomic>

namespace dray::transfer {
namespace {

class Counting final : public ServedConnection {
 public:
  void Drain() override { ++drains; }
  void Abort() override {}

  std::atomic<int> drains{0};
};

TEST(AdmissionsTest, CountsPlacesUntilNothingIsLeft) {
  const auto admissions = std::make_shared<Admissions>();
  auto one = admissions->Admit();
  auto two = admissions->Admit();
  EXPECT_EQ(admissions->count(), 2u);
  EXPECT_FALSE(admissions->AwaitNone(absl::ZeroDuration()));
  one.reset();
  two.reset();
  EXPECT_TRUE(admissions->AwaitNone(absl::ZeroDuration()));
}

TEST(AdmissionsTest, WhoIsServedOnlyDuringTheDrainIsDrainedToo) {
  const auto admissions = std::make_shared<Admissions>();
  const auto early = std::make_shared<Counting>();
  const auto late = std::make_shared<Counting>();
  const auto early_place = admissions->Admit();
  const auto late_place = admissions->Admit();
  early_place->SetServed(early);
  EXPECT_EQ(early->drains, 0);
  admissions->Drain();
  EXPECT_EQ(early->drains, 1);
  EXPECT_EQ(late->drains, 0);
  late_place->SetServed(late);
  EXPECT_EQ(late->drains, 1);
  EXPECT_EQ(early->drains, 1);
}

}  // namespace
}  // namespace dray::transfer
