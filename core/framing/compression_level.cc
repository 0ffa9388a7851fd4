#include "core/framing/compression_level.h"

#include <iterator>

namespace dray {
namespace {

// Levels worth having, and about how much longer each takes than the one before it. Too low a
// guess is corrected: a level that takes more than its share is left again.
struct Rung {
  int level;
  double times_slower;
};
constexpr Rung kRungs[] = {{1, 1.0}, {3, 1.6}, {6, 2.5}, {9, 2.0}, {12, 2.5}};

// The sender's thread also reads and sends.
constexpr double kMostShare = 0.5;
// The link holds the sender: for this much of the time.
constexpr double kLinkShare = 0.5;

}  // namespace

int CompressionLevel::level() const { return kRungs[rung_].level; }

void CompressionLevel::Observe(const Totals& totals) {
  const bool another = !last_ || totals.at < last_->at || totals.link < last_->link ||
                       totals.compressing < last_->compressing;
  if (!another && totals.at - last_->at < kStretch) return;
  if (!another) Decide(totals);
  last_ = totals;
}

void CompressionLevel::Decide(const Totals& totals) {
  const absl::Duration elapsed = totals.at - last_->at;
  const double compressing = absl::FDivDuration(totals.compressing - last_->compressing, elapsed);
  const double link = absl::FDivDuration(totals.link - last_->link, elapsed);
  if (link < kLinkShare || compressing > kMostShare) {
    if (rung_ > 0) --rung_;
  } else if (rung_ + 1 < std::size(kRungs) && compressing > 0 &&
             compressing * kRungs[rung_ + 1].times_slower <= kMostShare) {
    ++rung_;
  }
}

}  // namespace dray
