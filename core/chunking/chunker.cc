#include "core/chunking/chunker.h"

#include <algorithm>

#include "core/chunking/gear_table.h"

namespace dray {
namespace {

// A chunk ends after a byte that leaves the hash below this: the mask covers the top 18 bits before
// the average length, the top 14 from there on.
constexpr uint64_t kLimitBeforeAverage = uint64_t{1} << (64 - 18);
constexpr uint64_t kLimitFromAverage = uint64_t{1} << (64 - 14);

struct Scan {
  const uint8_t* at;
  uint64_t hash = 0;
};

// Moves `scan` on until after the byte that ends the chunk (returns true) or to `end`. Two bytes a
// step: the second hash does not wait for the first, so that the chain from step to step is half as
// long.
inline bool FindEnd(Scan& scan, const uint8_t* end, uint64_t limit) {
  const uint8_t* at = scan.at;
  uint64_t hash = scan.hash;
  for (; end - at >= 2; at += 2) {
    const uint64_t first_gear = internal::kGear[at[0]];
    const uint64_t first = (hash << 1) + first_gear;
    hash = (hash << 2) + ((first_gear << 1) + internal::kGear[at[1]]);
    if (first < limit) {
      scan.at = at + 1;
      return true;
    }
    if (hash < limit) {
      scan.at = at + 2;
      return true;
    }
  }
  if (at != end) hash = (hash << 1) + internal::kGear[*at++];
  scan = {at, hash};
  return end - at == 0 && hash < limit;
}

}  // namespace

size_t CutChunk(Bytes data) {
  const size_t size = std::min(data.size(), kMaxChunkBytes);
  if (size <= kMinChunkBytes) return size;
  const uint8_t* begin = data.data();
  Scan scan{begin + kMinChunkBytes};
  // The byte that makes the chunk as long as the average is the first under the second mask.
  const uint8_t* average = begin + std::min(size, kAverageChunkBytes - 1);
  if (!FindEnd(scan, average, kLimitBeforeAverage)) FindEnd(scan, begin + size, kLimitFromAverage);
  return static_cast<size_t>(scan.at - begin);
}

}  // namespace dray
