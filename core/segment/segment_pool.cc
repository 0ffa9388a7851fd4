#include "core/segment/segment_pool.h"

#include <spdlog/spdlog.h>

#include <cassert>
#include <string>
#include <utility>

#include "core/segment/segment_format.h"

namespace dray {
namespace {

// Writing the file `next` costs two syncs: one in so many segments pays them.
constexpr uint64_t kReservedIds = 256;
// Each holds a descriptor.
constexpr size_t kMaxIdleSegments = 64;

void Warn(const absl::Status& status) {
  if (!status.ok()) spdlog::warn("segment store: {}", status.ToString());
}

}  // namespace

SegmentPool::SegmentPool(const StoreFolder& folder, const std::vector<SegmentInfo>& sealed,
                         uint64_t next_id)
    : folder_(folder), next_id_(next_id), reserved_id_(next_id) {
  for (const SegmentInfo& info : sealed) table_.emplace(info.id, info);
}

SegmentPool::~SegmentPool() {
  std::vector<std::unique_ptr<OpenSegment>> idle;
  {
    absl::MutexLock lock(&mutex_);
    idle.swap(idle_);
  }
  for (auto& segment : idle) Finish(std::move(segment));
  CloseIds();
}

absl::StatusOr<std::unique_ptr<OpenSegment>> SegmentPool::Take() {
  {
    absl::MutexLock lock(&mutex_);
    if (!idle_.empty()) {
      auto segment = std::move(idle_.back());
      idle_.pop_back();
      return segment;
    }
  }
  DRAY_ASSIGN_OR_RETURN(const SegmentId id, NewId());
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, folder_.Create(id));
  auto segment = std::make_unique<OpenSegment>(id, std::move(fd));
  Update(*segment);
  return segment;
}

void SegmentPool::Return(std::unique_ptr<OpenSegment> segment) {
  {
    absl::MutexLock lock(&mutex_);
    if (idle_.size() < kMaxIdleSegments) {
      idle_.push_back(std::move(segment));
      return;
    }
  }
  Finish(std::move(segment));
}

void SegmentPool::Finish(std::unique_ptr<OpenSegment> segment) {
  if (segment->length_bytes() == 0) return Remove(*segment);
  OpenSegment* const only[] = {segment.get()};
  Warn(Sync(only));
  if (IsDurable(*segment)) {
    Seal(std::move(segment));
  } else {
    Abandon(std::move(segment));
  }
}

absl::Status SegmentPool::Sync(absl::Span<OpenSegment* const> segments) {
  absl::Status result;
  bool new_names = false;
  for (OpenSegment* segment : segments) {
    if (segment->dirty()) result.Update(segment->Sync());
    new_names |= !segment->name_synced();
  }
  if (new_names) {
    const absl::Status synced = folder_.Sync();
    if (synced.ok()) {
      for (OpenSegment* segment : segments) segment->set_name_synced();
    }
    result.Update(synced);
  }
  return result;
}

void SegmentPool::Seal(std::unique_ptr<OpenSegment> segment) {
  assert(IsDurable(*segment));
  // The rename need not be durable: a segment found open is sealed when the store is opened.
  if (absl::Status sealed = folder_.Seal(segment->id()); !sealed.ok()) return Warn(sealed);
  absl::MutexLock lock(&mutex_);
  table_[segment->id()] = {
      .id = segment->id(), .size_bytes = segment->length_bytes(), .sealed = true};
}

void SegmentPool::Abandon(std::unique_ptr<OpenSegment> segment) {
  spdlog::warn("segment store: {}/{} is given up after an error; {} of its {} bytes are durable",
               folder_.path(), SegmentFileName(segment->id(), false),
               segment->name_synced() ? segment->synced_bytes() : 0, segment->length_bytes());
  if (!segment->name_synced() || segment->synced_bytes() == 0) return Remove(*segment);
  const absl::Status cut = segment->CutToSynced();
  Update(*segment);
  // If it cannot be cut now, it is when the store is opened.
  if (!cut.ok()) return Warn(cut);
  Seal(std::move(segment));
}

void SegmentPool::Update(const OpenSegment& segment) {
  absl::MutexLock lock(&mutex_);
  table_[segment.id()] = {
      .id = segment.id(), .size_bytes = segment.length_bytes(), .sealed = false};
}

std::optional<SegmentInfo> SegmentPool::Find(SegmentId id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = table_.find(id);
  if (found == table_.end()) return std::nullopt;
  return found->second;
}

std::vector<SegmentInfo> SegmentPool::List() const {
  absl::MutexLock lock(&mutex_);
  std::vector<SegmentInfo> list;
  list.reserve(table_.size());
  for (const auto& [id, info] : table_) list.push_back(info);
  return list;
}

void SegmentPool::Erase(SegmentId id) {
  absl::MutexLock lock(&mutex_);
  table_.erase(id);
}

absl::StatusOr<SegmentId> SegmentPool::NewId() {
  absl::MutexLock lock(&id_mutex_);
  if (next_id_ >= reserved_id_) {
    DRAY_RETURN_IF_ERROR(folder_.WriteNextId(next_id_ + kReservedIds));
    reserved_id_ = next_id_ + kReservedIds;
  }
  return SegmentId{next_id_++};
}

void SegmentPool::Remove(const OpenSegment& segment) {
  Warn(folder_.Remove(segment.id(), false));
  Erase(segment.id());
}

void SegmentPool::CloseIds() {
  absl::MutexLock lock(&id_mutex_);
  // Without this the next process would only leave a gap.
  if (next_id_ < reserved_id_) Warn(folder_.WriteNextId(next_id_));
}

}  // namespace dray
