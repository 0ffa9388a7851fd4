#ifndef DRAY_CORE_SEGMENT_TESTING_FAULT_INJECTING_SEGMENT_STORE_H_
#define DRAY_CORE_SEGMENT_TESTING_FAULT_INJECTING_SEGMENT_STORE_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/segment/segment_store.h"

namespace dray {

// A store whose calls fail on demand; all others go to the store beneath. Thread-safe.
class FaultInjectingSegmentStore final : public SegmentStore {
 public:
  enum class Call { kLease, kAppend, kSync, kOpen, kScan, kDelete };

  explicit FaultInjectingSegmentStore(std::unique_ptr<SegmentStore> beneath)
      : beneath_(std::move(beneath)) {}

  // After `good_calls` more calls of this kind, of all writers together, each returns `error`
  // without reaching the store beneath. OK ends that.
  void Fail(Call call, absl::Status error, int good_calls = 0);
  // How many calls of this kind were made to fail.
  int failures(Call call) const;
  SegmentStore& beneath() { return *beneath_; }

  absl::StatusOr<std::unique_ptr<SegmentWriter>> Lease() override;
  absl::StatusOr<std::shared_ptr<const ReadableSegment>> Open(SegmentId id) override;
  absl::StatusOr<std::vector<SegmentInfo>> List() override { return beneath_->List(); }
  absl::Status Scan(SegmentId id, const std::function<void(const ScannedRecord&)>& on_record,
                    const std::function<void(const DamagedRange&)>& on_damage) override;
  absl::Status Delete(SegmentId id) override;

 private:
  class Writer;
  struct Fault {
    absl::Status error;
    int good_calls = 0;
    int failures = 0;
  };

  // The status that this call has to return; OK lets it through.
  absl::Status Enter(Call call);

  const std::unique_ptr<SegmentStore> beneath_;
  mutable absl::Mutex mutex_;
  Fault faults_[6] ABSL_GUARDED_BY(mutex_);
};

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_TESTING_FAULT_INJECTING_SEGMENT_STORE_H_
