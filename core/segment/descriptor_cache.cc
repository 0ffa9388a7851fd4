#include "core/segment/descriptor_cache.h"

#include <sys/resource.h>

#include <algorithm>

namespace dray {

size_t DescriptorCache::DefaultLimit() {
  constexpr size_t kMost = 256;
  constexpr size_t kLeast = 8;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kMost;
  return std::clamp(static_cast<size_t>(limit.rlim_cur / 4), kLeast, kMost);
}

DescriptorCache::Segment DescriptorCache::Find(SegmentId id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second);
  return found->second->second;
}

void DescriptorCache::Insert(SegmentId id, Segment segment) {
  by_use_.emplace_front(id, std::move(segment));
  by_id_.emplace(id, by_use_.begin());
  if (by_use_.size() > limit_) Erase(by_use_.back().first);
}

void DescriptorCache::Erase(SegmentId id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  by_use_.erase(found->second);
  by_id_.erase(found);
}

}  // namespace dray
