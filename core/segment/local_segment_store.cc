#include "core/segment/local_segment_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/segment/descriptor_cache.h"
#include "core/segment/local_segment_writer.h"
#include "core/segment/segment_pool.h"
#include "core/segment/segment_recovery.h"
#include "core/segment/segment_scanner.h"
#include "core/segment/store_folder.h"

namespace dray {
namespace {

class ReadableFile final : public ReadableSegment {
 public:
  explicit ReadableFile(UniqueFd fd) : fd_(std::move(fd)) {}
  int fd() const override { return fd_.get(); }

 private:
  const UniqueFd fd_;
};

absl::Status NoSuchSegment(SegmentId id) {
  return absl::NotFoundError(absl::StrCat("there is no segment ", static_cast<uint64_t>(id)));
}

class LocalSegmentStore final : public SegmentStore {
 public:
  LocalSegmentStore(std::unique_ptr<StoreFolder> folder, const std::vector<SegmentInfo>& segments,
                    uint64_t next_id)
      : folder_(std::move(folder)),
        pool_(*folder_, segments, next_id),
        cache_(DescriptorCache::DefaultLimit()) {}

  absl::StatusOr<std::unique_ptr<SegmentWriter>> Lease() override {
    return std::make_unique<LocalSegmentWriter>(pool_);
  }

  absl::StatusOr<std::shared_ptr<const ReadableSegment>> Open(SegmentId id) override;

  absl::StatusOr<std::vector<SegmentInfo>> List() override { return pool_.List(); }

  absl::Status Scan(SegmentId id, const std::function<void(const ScannedRecord&)>& on_record,
                    const std::function<void(const DamagedRange&)>& on_damage) override;

  absl::Status Delete(SegmentId id) override;

 private:
  absl::StatusOr<UniqueFd> OpenForReading(SegmentId id);

  const std::unique_ptr<StoreFolder> folder_;
  SegmentPool pool_;

  absl::Mutex mutex_;
  DescriptorCache cache_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<std::shared_ptr<const ReadableSegment>> LocalSegmentStore::Open(SegmentId id) {
  {
    absl::MutexLock lock(&mutex_);
    if (auto cached = cache_.Find(id)) return cached;
  }
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, OpenForReading(id));
  auto segment = std::make_shared<const ReadableFile>(std::move(fd));
  absl::MutexLock lock(&mutex_);
  if (auto cached = cache_.Find(id)) return cached;  // another thread was faster
  if (!pool_.Find(id)) return NoSuchSegment(id);     // it was deleted meanwhile
  cache_.Insert(id, segment);
  return segment;
}

absl::StatusOr<UniqueFd> LocalSegmentStore::OpenForReading(SegmentId id) {
  const auto info = pool_.Find(id);
  if (!info) return NoSuchSegment(id);
  auto fd = folder_->OpenSegment(id, info->sealed, O_RDONLY);
  // It may be sealed between the look and the open.
  if (absl::IsNotFound(fd.status()) && !info->sealed) {
    return folder_->OpenSegment(id, true, O_RDONLY);
  }
  return fd;
}

absl::Status LocalSegmentStore::Scan(SegmentId id,
                                     const std::function<void(const ScannedRecord&)>& on_record,
                                     const std::function<void(const DamagedRange&)>& on_damage) {
  // The length first: what it covers was written whole.
  const auto info = pool_.Find(id);
  if (!info) return NoSuchSegment(id);
  DRAY_ASSIGN_OR_RETURN(const auto segment, Open(id));
  if (!info->sealed) {
    if (::fdatasync(segment->fd()) != 0) return ErrnoStatus(errno, "cannot sync it");
    DRAY_RETURN_IF_ERROR(folder_->Sync());
  }
  return ScanSegment(segment->fd(), id, info->size_bytes, on_record, on_damage).status();
}

absl::Status LocalSegmentStore::Delete(SegmentId id) {
  const auto info = pool_.Find(id);
  if (!info) return NoSuchSegment(id);
  if (!info->sealed) {
    return absl::FailedPreconditionError(
        absl::StrCat("segment ", static_cast<uint64_t>(id),
                     " is still appended to; only a sealed one can be deleted"));
  }
  const absl::Status removed = folder_->Remove(id, true);
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  {
    absl::MutexLock lock(&mutex_);
    pool_.Erase(id);
    cache_.Erase(id);
  }
  return folder_->Sync();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SegmentStore>> OpenLocalSegmentStore(const std::string& folder) {
  DRAY_ASSIGN_OR_RETURN(std::unique_ptr<StoreFolder> store, StoreFolder::Open(folder));
  DRAY_ASSIGN_OR_RETURN(uint64_t next_id, store->ReadNextId());
  DRAY_ASSIGN_OR_RETURN(const std::vector<SegmentInfo> segments, RecoverSegments(*store));
  if (!segments.empty()) {
    next_id = std::max(next_id, static_cast<uint64_t>(segments.back().id) + 1);
  }
  return std::make_unique<LocalSegmentStore>(std::move(store), segments, next_id);
}

}  // namespace dray
