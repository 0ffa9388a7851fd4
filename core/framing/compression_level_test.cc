#include "core/framing/compression_level.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dray {
namespace {

// One connection's totals, and the level that follows them.
class Link {
 public:
  // `compressing` and `link`: shares of the time.
  void Pass(absl::Duration elapsed, double compressing, double link) {
    totals_.at += elapsed;
    totals_.compressing += elapsed * compressing;
    totals_.link += elapsed * link;
    level_.Observe(totals_);
  }
  // Text that is compressed with `mib_a_second` at level 1, over a link that carries `link_mib` of
  // it; levels cost what they commonly do.
  void SendText(int mib, double mib_a_second, double link_mib) {
    for (int i = 0; i < mib; ++i) {
      const double slower = Slower();
      // Compression and the link work beside each other; the slower of the two decides.
      const double elapsed = std::max(slower / mib_a_second, 1 / link_mib);
      Pass(absl::Seconds(elapsed), slower / mib_a_second / elapsed, 1 / link_mib / elapsed);
    }
  }
  void Reconnect() { totals_.link = absl::ZeroDuration(); }
  int level() const { return level_.level(); }

 private:
  double Slower() const {
    switch (level()) {
      case 1:
        return 1;
      case 3:
        return 1.6;
      case 6:
        return 4;
      case 9:
        return 8;
      default:
        return 20;
    }
  }

  CompressionLevel level_;
  CompressionLevel::Totals totals_{absl::UnixEpoch(), absl::ZeroDuration(), absl::ZeroDuration()};
};

TEST(CompressionLevelTest, StaysLowWhereTheLinkIsFaster) {
  Link link;
  link.SendText(2000, 400, 2000);
  EXPECT_EQ(link.level(), 1);
}

TEST(CompressionLevelTest, FollowsTheLink) {
  Link fast, medium, slow;
  fast.SendText(3000, 400, 300);
  medium.SendText(1000, 400, 40);
  slow.SendText(100, 400, 2);
  EXPECT_EQ(fast.level(), 1);
  EXPECT_EQ(medium.level(), 6);
  EXPECT_EQ(slow.level(), 12);
}

TEST(CompressionLevelTest, ReturnsWhenTheLinkRecovers) {
  Link link;
  link.SendText(100, 400, 2);
  ASSERT_EQ(link.level(), 12);
  link.SendText(3000, 400, 2000);
  EXPECT_EQ(link.level(), 1);
}

TEST(CompressionLevelTest, ALinkThatIsNotBusyRaisesNothing) {
  Link link;
  for (int i = 0; i < 100; ++i) link.Pass(absl::Seconds(1), 0.01, 0.1);
  EXPECT_EQ(link.level(), 1);
}

TEST(CompressionLevelTest, WhatIsNeverCompressedRaisesNothing) {
  Link link;
  for (int i = 0; i < 100; ++i) link.Pass(absl::Seconds(1), 0, 1);
  EXPECT_EQ(link.level(), 1);
}

TEST(CompressionLevelTest, DecidesByStretchesNotByMoments) {
  Link link;
  link.Pass(absl::ZeroDuration(), 0, 0);
  link.Pass(CompressionLevel::kStretch / 2, 0.01, 1);
  EXPECT_EQ(link.level(), 1);
  link.Pass(CompressionLevel::kStretch / 2, 0.01, 1);
  EXPECT_EQ(link.level(), 3);
}

TEST(CompressionLevelTest, AnotherConnectionBeginsAnew) {
  Link link;
  link.Pass(absl::ZeroDuration(), 0, 0);
  link.Pass(absl::Seconds(1), 0.01, 1);
  ASSERT_EQ(link.level(), 3);
  link.Reconnect();
  link.Pass(absl::Seconds(1), 0.01, 0);
  EXPECT_EQ(link.level(), 3) << "nothing is known of it yet";
  link.Pass(absl::Seconds(1), 0.01, 1);
  EXPECT_EQ(link.level(), 6);
}

}  // namespace
}  // namespace dray
