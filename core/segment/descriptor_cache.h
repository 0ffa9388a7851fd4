#ifndef DRAY_CORE_SEGMENT_DESCRIPTOR_CACHE_H_
#define DRAY_CORE_SEGMENT_DESCRIPTOR_CACHE_H_

#include <cstddef>
#include <list>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/segment/segment_store.h"

namespace dray {

// Keeps the segments used last open for reading. What falls out stays open for those who still use
// it. Not thread-safe.
class DescriptorCache {
 public:
  using Segment = std::shared_ptr<const ReadableSegment>;

  // How many segments a process may keep open: a quarter of its descriptors, 256 at most.
  static size_t DefaultLimit();

  // REQUIRES: limit > 0.
  explicit DescriptorCache(size_t limit) : limit_(limit) {}

  // Null when it is not here.
  Segment Find(SegmentId id);
  // REQUIRES: it is not here.
  void Insert(SegmentId id, Segment segment);
  void Erase(SegmentId id);
  size_t size() const { return by_use_.size(); }

 private:
  using Entry = std::pair<SegmentId, Segment>;

  const size_t limit_;
  std::list<Entry> by_use_;  // the most recent first
  absl::flat_hash_map<SegmentId, std::list<Entry>::iterator> by_id_;
};

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_DESCRIPTOR_CACHE_H_
