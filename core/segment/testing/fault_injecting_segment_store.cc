#include "core/segment/testing/fault_injecting_segment_store.h"

#include <utility>

namespace dray {

class FaultInjectingSegmentStore::Writer final : public SegmentWriter {
 public:
  Writer(FaultInjectingSegmentStore& store, std::unique_ptr<SegmentWriter> beneath)
      : store_(store), beneath_(std::move(beneath)) {}

  absl::StatusOr<std::vector<RecordLocation>> Append(Bytes records) override {
    DRAY_RETURN_IF_ERROR(store_.Enter(Call::kAppend));
    return beneath_->Append(records);
  }

  absl::Status Sync() override {
    DRAY_RETURN_IF_ERROR(store_.Enter(Call::kSync));
    return beneath_->Sync();
  }

 private:
  FaultInjectingSegmentStore& store_;
  const std::unique_ptr<SegmentWriter> beneath_;
};

void FaultInjectingSegmentStore::Fail(Call call, absl::Status error, int good_calls) {
  absl::MutexLock lock(&mutex_);
  Fault& fault = faults_[static_cast<size_t>(call)];
  fault.error = std::move(error);
  fault.good_calls = good_calls;
}

int FaultInjectingSegmentStore::failures(Call call) const {
  absl::MutexLock lock(&mutex_);
  return faults_[static_cast<size_t>(call)].failures;
}

absl::Status FaultInjectingSegmentStore::Enter(Call call) {
  absl::MutexLock lock(&mutex_);
  Fault& fault = faults_[static_cast<size_t>(call)];
  if (fault.error.ok()) return absl::OkStatus();
  if (fault.good_calls > 0) {
    --fault.good_calls;
    return absl::OkStatus();
  }
  ++fault.failures;
  return fault.error;
}

absl::StatusOr<std::unique_ptr<SegmentWriter>> FaultInjectingSegmentStore::Lease() {
  DRAY_RETURN_IF_ERROR(Enter(Call::kLease));
  DRAY_ASSIGN_OR_RETURN(std::unique_ptr<SegmentWriter> writer, beneath_->Lease());
  return std::make_unique<Writer>(*this, std::move(writer));
}

absl::StatusOr<std::shared_ptr<const ReadableSegment>> FaultInjectingSegmentStore::Open(
    SegmentId id) {
  DRAY_RETURN_IF_ERROR(Enter(Call::kOpen));
  return beneath_->Open(id);
}

absl::Status FaultInjectingSegmentStore::Scan(
    SegmentId id, const std::function<void(const ScannedRecord&)>& on_record,
    const std::function<void(const DamagedRange&)>& on_damage) {
  DRAY_RETURN_IF_ERROR(Enter(Call::kScan));
  return beneath_->Scan(id, on_record, on_damage);
}

absl::Status FaultInjectingSegmentStore::Delete(SegmentId id) {
  DRAY_RETURN_IF_ERROR(Enter(Call::kDelete));
  return beneath_->Delete(id);
}

}  // namespace dray
