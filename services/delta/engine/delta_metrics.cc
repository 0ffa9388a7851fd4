#include "services/delta/engine/delta_metrics.h"

#include "core/telemetry/metrics.h"

namespace dray::delta {
namespace {

constexpr const char* kMethodNames[kMethods] = {
    "Compare",      "AddChunks",      "Commit",          "CommitBatch", "Resolve",
    "List",         "Stat",           "History",         "Move",        "Delete",
    "Restore",      "CompareBlocks",  "FilesWithoutMd5", "SetMd5s",     "ReadNodes",
    "FindChunks",   "Collect",        "SegmentUses",     "MoveChunks",  "RetireSegments",
    "SetRetention", "ListRetentions", "FindRoots"};

prometheus::Gauge& Gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Counter& Counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Histogram::BucketBoundaries GroupBuckets() {
  return {1, 2, 4, 8, 16, 32, 64, 128, 256};
}

}  // namespace

const char* MethodName(Method method) { return kMethodNames[static_cast<size_t>(method)]; }

DeltaMetrics::DeltaMetrics(prometheus::Registry& registry)
    : errors_(metrics::DeltaErrors(registry)),
      commits_(metrics::CatalogCommits(registry).Add({})),
      versions_(metrics::CatalogVersions(registry).Add({})),
      group_operations_(prometheus::BuildHistogram()
                            .Name("dray_catalog_group_operations")
                            .Help("Operations that shared one commit of the catalog.")
                            .Register(registry)
                            .Add({}, GroupBuckets())),
      commit_seconds_(metrics::CatalogCommitDuration(registry).Add({}, metrics::RequestBuckets())),
      dropped_versions_(Counter(registry, "dray_retention_versions_dropped_total",
                                "Versions dropped, since no rule of retention keeps them.")),
      collected_nodes_(Counter(registry, "dray_collected_nodes_total",
                               "Nodes deleted from the catalog, since nothing referred to them.")),
      collected_chunks_(
          Counter(registry, "dray_collected_chunks_total",
                  "Chunks deleted from the catalog, since nothing referred to them.")),
      collected_bytes_(Counter(registry, "dray_collected_stored_bytes_total",
                               "What the chunks deleted from the catalog took in segments.")),
      sessions_(Gauge(registry, "dray_delta_sessions", "Uploads being compared now.")),
      chunks_(Gauge(registry, "dray_catalog_chunks", "Chunks known to the catalog.")),
      nodes_(Gauge(registry, "dray_catalog_nodes", "Nodes known to the catalog.")),
      entries_(Gauge(registry, "dray_catalog_entries", "Names in the catalog, deleted ones too.")) {
  auto& durations = metrics::DeltaRequestDuration(registry);
  for (size_t i = 0; i < kMethods; ++i) {
    durations_[i] = &durations.Add({{"method", kMethodNames[i]}}, metrics::RequestBuckets());
  }
}

void DeltaMetrics::RequestEnded(Method method, absl::Duration duration, absl::StatusCode code) {
  const size_t index = static_cast<size_t>(method);
  durations_[index]->Observe(absl::ToDoubleSeconds(duration));
  if (code == absl::StatusCode::kOk) return;
  errors_.Add({{"method", kMethodNames[index]}, {"code", absl::StatusCodeToString(code)}})
      .Increment();
}

void DeltaMetrics::Committed(size_t operations, double seconds) {
  commits_.Increment();
  group_operations_.Observe(static_cast<double>(operations));
  commit_seconds_.Observe(seconds);
}

void DeltaMetrics::CollectedRows(const Collected& collected) {
  dropped_versions_.Increment(static_cast<double>(collected.versions));
  collected_nodes_.Increment(static_cast<double>(collected.nodes));
  collected_chunks_.Increment(static_cast<double>(collected.chunks));
  collected_bytes_.Increment(static_cast<double>(collected.stored_bytes));
}

void DeltaMetrics::SetCounts(const CatalogCounts& counts) {
  chunks_.Set(static_cast<double>(counts.chunks));
  nodes_.Set(static_cast<double>(counts.nodes));
  entries_.Set(static_cast<double>(counts.entries));
}

}  // namespace dray::delta
