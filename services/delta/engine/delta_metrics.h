#ifndef DRAY_SERVICES_DELTA_ENGINE_DELTA_METRICS_H_
#define DRAY_SERVICES_DELTA_ENGINE_DELTA_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/delta/catalog/types.h"
#include "services/delta/collection/collector.h"

namespace dray::delta {

enum class Method {
  kCompare,
  kAddChunks,
  kCommit,
  kCommitBatch,
  kResolve,
  kList,
  kStat,
  kHistory,
  kMove,
  kDelete,
  kRestore,
  kCompareBlocks,
  kFilesWithoutMd5,
  kSetMd5s,
  kReadNodes,
  kFindChunks,
  kCollect,
  kSegmentUses,
  kMoveChunks,
  kRetireSegments,
  kSetRetention,
  kListRetentions,
  kFindRoots,
};
inline constexpr size_t kMethods = 23;
const char* MethodName(Method method);

// What the service counts. Thread-safe. The registry outlives it.
class DeltaMetrics {
 public:
  explicit DeltaMetrics(prometheus::Registry& registry);

  void RequestEnded(Method method, absl::Duration duration, absl::StatusCode code);
  void Committed(size_t operations, double seconds);
  void VersionsMade(uint64_t count) { versions_.Increment(static_cast<double>(count)); }
  void SessionOpened() { sessions_.Increment(); }
  void SessionClosed() { sessions_.Decrement(); }
  void SetCounts(const CatalogCounts& counts);
  void CollectedRows(const Collected& collected);

 private:
  prometheus::Family<prometheus::Counter>& errors_;
  std::array<prometheus::Histogram*, kMethods> durations_{};
  prometheus::Counter& commits_;
  prometheus::Counter& versions_;
  prometheus::Histogram& group_operations_;
  prometheus::Histogram& commit_seconds_;
  prometheus::Counter& dropped_versions_;
  prometheus::Counter& collected_nodes_;
  prometheus::Counter& collected_chunks_;
  prometheus::Counter& collected_bytes_;
  prometheus::Gauge& sessions_;
  prometheus::Gauge& chunks_;
  prometheus::Gauge& nodes_;
  prometheus::Gauge& entries_;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_DELTA_METRICS_H_
