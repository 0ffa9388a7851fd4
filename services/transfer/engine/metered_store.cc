#include "services/transfer/engine/metered_store.h"

#include <chrono>
#include <utility>

#include "core/telemetry/metrics.h"

namespace dray::transfer {
namespace {

struct StoreMetrics {
  prometheus::Counter& bytes_written;
  prometheus::Histogram& sync_duration;
};

class MeteredWriter final : public SegmentWriter {
 public:
  MeteredWriter(std::unique_ptr<SegmentWriter> writer, const StoreMetrics& metrics)
      : writer_(std::move(writer)), metrics_(metrics) {}

  absl::StatusOr<std::vector<RecordLocation>> Append(Bytes records) override {
    auto locations = writer_->Append(records);
    if (locations.ok()) metrics_.bytes_written.Increment(static_cast<double>(records.size()));
    return locations;
  }

  absl::Status Sync() override {
    const auto begin = std::chrono::steady_clock::now();
    const absl::Status status = writer_->Sync();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    metrics_.sync_duration.Observe(seconds.count());
    return status;
  }

 private:
  const std::unique_ptr<SegmentWriter> writer_;
  const StoreMetrics& metrics_;
};

class MeteredStore final : public SegmentStore {
 public:
  MeteredStore(std::unique_ptr<SegmentStore> store, prometheus::Registry& registry)
      : store_(std::move(store)),
        metrics_{metrics::SegmentBytesWritten(registry).Add({}),
                 metrics::SegmentSyncDuration(registry).Add({}, metrics::RequestBuckets())} {}

  absl::StatusOr<std::unique_ptr<SegmentWriter>> Lease() override {
    auto writer = store_->Lease();
    if (!writer.ok()) return writer.status();
    return std::make_unique<MeteredWriter>(*std::move(writer), metrics_);
  }

  absl::StatusOr<std::shared_ptr<const ReadableSegment>> Open(SegmentId id) override {
    return store_->Open(id);
  }
  absl::StatusOr<std::vector<SegmentInfo>> List() override { return store_->List(); }
  absl::Status Scan(SegmentId id, const std::function<void(const ScannedRecord&)>& on_record,
                    const std::function<void(const DamagedRange&)>& on_damage) override {
    return store_->Scan(id, on_record, on_damage);
  }
  absl::Status Delete(SegmentId id) override { return store_->Delete(id); }

 private:
  const std::unique_ptr<SegmentStore> store_;
  const StoreMetrics metrics_;
};

}  // namespace

std::unique_ptr<SegmentStore> MeterStore(std::unique_ptr<SegmentStore> store,
                                         prometheus::Registry& registry) {
  return std::make_unique<MeteredStore>(std::move(store), registry);
}

}  // namespace dray::transfer
