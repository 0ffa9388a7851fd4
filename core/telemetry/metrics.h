#ifndef DRAY_CORE_TELEMETRY_METRICS_H_
#define DRAY_CORE_TELEMETRY_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

// The metric families of all services: their names, helps and buckets stand here only, so that
// services that count the same thing count it under the same name. Each function adds the family to
// `registry`, or returns it if it is there. Keep what Family::Add() returns: looking a series up
// takes a lock. Labels must be of the names given, with few values: monitor refuses others.
//
//   auto& errors = metrics::Errors(registry).Add({{"dialect", "native"}, {"code", "NOT_FOUND"}});
//   errors.Increment();
namespace dray::metrics {

using CounterFamily = prometheus::Family<prometheus::Counter>;
using GaugeFamily = prometheus::Family<prometheus::Gauge>;
using HistogramFamily = prometheus::Family<prometheus::Histogram>;

// What all histograms use, in seconds and bytes: family.Add(labels, TransferBuckets()).
prometheus::Histogram::BucketBoundaries TransferBuckets();  // 1 ms .. 30 min
prometheus::Histogram::BucketBoundaries RequestBuckets();   // 100 us .. 60 s
prometheus::Histogram::BucketBoundaries SizeBuckets();      // 1 KiB .. 64 GiB

// Labels: dialect ("native", "robust", "smart", "unknown"), direction ("upload", "download"), code
// (a canonical status code as absl::StatusCodeToString says it), method (an RPC's name).
GaugeFamily& ConnectionsActive(prometheus::Registry& registry);          // dialect
CounterFamily& Connections(prometheus::Registry& registry);              // dialect
GaugeFamily& ConnectionsLimit(prometheus::Registry& registry);           // none
GaugeFamily& TransfersInProgress(prometheus::Registry& registry);        // dialect, direction
CounterFamily& BytesReceived(prometheus::Registry& registry);            // dialect
CounterFamily& BytesSent(prometheus::Registry& registry);                // dialect
CounterFamily& BytesSaved(prometheus::Registry& registry);               // dialect, direction
CounterFamily& Errors(prometheus::Registry& registry);                   // dialect, code
HistogramFamily& TransferDuration(prometheus::Registry& registry);       // dialect, direction
HistogramFamily& TransferSize(prometheus::Registry& registry);           // dialect, direction
CounterFamily& Files(prometheus::Registry& registry);                    // dialect, direction
HistogramFamily& DeltaRequestDuration(prometheus::Registry& registry);   // method
CounterFamily& DeltaErrors(prometheus::Registry& registry);              // method, code
CounterFamily& CatalogCommits(prometheus::Registry& registry);           // none
HistogramFamily& CatalogCommitDuration(prometheus::Registry& registry);  // none
CounterFamily& CatalogVersions(prometheus::Registry& registry);          // none
CounterFamily& SegmentBytesWritten(prometheus::Registry& registry);      // none
HistogramFamily& SegmentSyncDuration(prometheus::Registry& registry);    // none
CounterFamily& ChunksReceived(prometheus::Registry& registry);           // dialect

}  // namespace dray::metrics

#endif  // DRAY_CORE_TELEMETRY_METRICS_H_
