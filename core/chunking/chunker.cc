#include "core/chunking/chunker.h"

#include <algorithm>

#include "core/chunking/gear_table.h"

namespace dray {
namespace {

// A chunk ends after a byte that leaves the hash below this: the mask covers the top 18 bits before
// the average length, the top 14 from there on.
constexpr uint64_t kLimitBeforeAverage = uint64_t{1} << (64 - 18);
constexpr uint64_t kLimitFromAverage = uint64_t{1} << (64 - 14);

constexpr size_t kUnrolledBytes = 8;

struct Scan {
  const uint8_t* at;
  uint64_t hash = 0;
};

// Moves `scan` on until after the byte that ends the chunk (true), or to `end` (false). It goes two
// bytes a step: the second byte's hash is not computed from the first's, which halves the chain of
// operations that wait for each other.
bool FindEnd(Scan& scan, const uint8_t* end, uint64_t limit) {
  const auto& gear = internal::kGear;
  const uint8_t* at = scan.at;
  uint64_t hash = scan.hash;
  const auto stop_at = [&scan](const uint8_t* place) {
    scan.at = place;
    return true;
  };
  for (; static_cast<size_t>(end - at) >= kUnrolledBytes; at += kUnrolledBytes) {
#pragma GCC unroll 4
    for (size_t i = 0; i < kUnrolledBytes; i += 2) {
      const uint64_t first_gear = gear[at[i]];
      const uint64_t first = (hash << 1) + first_gear;
      hash = (hash << 2) + ((first_gear << 1) + gear[at[i + 1]]);
      if (first < limit) return stop_at(at + i + 1);
      if (hash < limit) return stop_at(at + i + 2);
    }
  }
  while (at != end) {
    hash = (hash << 1) + gear[*at++];
    if (hash < limit) return stop_at(at);
  }
  scan = {at, hash};
  return false;
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
