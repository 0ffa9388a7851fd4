#ifndef DRAY_CORE_FRAMING_COMPRESSION_LEVEL_H_
#define DRAY_CORE_FRAMING_COMPRESSION_LEVEL_H_

#include <cstddef>
#include <optional>

#include "absl/time/time.h"

namespace dray {

// Chooses the zstd level of what goes over one link. Where the link is what everything waits for,
// stronger compression costs no time: the level rises as long as compressing is expected to take
// less than half of it, and falls where it takes more. Where the link is fast, or the peer slow to
// read, it stays the lowest. Not thread-safe.
class CompressionLevel {
 public:
  int level() const;

  // Running totals of one connection. `compressing`: how long the thread that sends was busy
  // compressing, at level(). `link`: how long bytes were under way that the peer had room for.
  struct Totals {
    absl::Time at;
    absl::Duration compressing;
    absl::Duration link;
  };
  // To be called between pieces of work; looks at what was added since the last call that decided,
  // kStretch ago or longer. A total that has shrunk is another connection's.
  void Observe(const Totals& totals);

  static constexpr absl::Duration kStretch = absl::Milliseconds(100);

 private:
  void Decide(const Totals& totals);

  size_t rung_ = 0;
  std::optional<Totals> last_;
};

}  // namespace dray

#endif  // DRAY_CORE_FRAMING_COMPRESSION_LEVEL_H_
