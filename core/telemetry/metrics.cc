#include "core/telemetry/metrics.h"

namespace dray::metrics {
namespace {

CounterFamily& Counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

GaugeFamily& Gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

HistogramFamily& Histogram(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

}  // namespace

prometheus::Histogram::BucketBoundaries TransferBuckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
          2.5,   5,      10,    30,   60,    120,  300, 600,  1800};
}

prometheus::Histogram::BucketBoundaries RequestBuckets() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
          0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
}

prometheus::Histogram::BucketBoundaries SizeBuckets() {
  prometheus::Histogram::BucketBoundaries bounds;
  for (double bytes = 1024; bytes <= 64.0 * 1024 * 1024 * 1024; bytes *= 4) bounds.push_back(bytes);
  return bounds;
}

GaugeFamily& ConnectionsActive(prometheus::Registry& registry) {
  return Gauge(registry, "dray_connections_active", "Client connections open now.");
}

CounterFamily& Connections(prometheus::Registry& registry) {
  return Counter(registry, "dray_connections_total", "Client connections accepted.");
}

GaugeFamily& ConnectionsLimit(prometheus::Registry& registry) {
  return Gauge(registry, "dray_connections_limit",
               "Client connections that may be open at once; others are refused.");
}

GaugeFamily& TransfersInProgress(prometheus::Registry& registry) {
  return Gauge(registry, "dray_transfers_in_progress", "Uploads and downloads running now.");
}

CounterFamily& BytesReceived(prometheus::Registry& registry) {
  return Counter(registry, "dray_bytes_received_total",
                 "Bytes read from client sockets, everything included.");
}

CounterFamily& BytesSent(prometheus::Registry& registry) {
  return Counter(registry, "dray_bytes_sent_total",
                 "Bytes written to client sockets, everything included.");
}

CounterFamily& BytesSaved(prometheus::Registry& registry) {
  return Counter(registry, "dray_bytes_saved_total",
                 "Bytes of files that did not have to move, since the other side had them or they "
                 "were compressed.");
}

CounterFamily& Errors(prometheus::Registry& registry) {
  return Counter(registry, "dray_errors_total",
                 "Operations of clients that ended in an error, by status code.");
}

HistogramFamily& TransferDuration(prometheus::Registry& registry) {
  return Histogram(registry, "dray_transfer_duration_seconds",
                   "How long finished uploads and downloads took.");
}

HistogramFamily& TransferSize(prometheus::Registry& registry) {
  return Histogram(registry, "dray_transfer_size_bytes",
                   "How long the files of finished uploads and downloads are; a batch of small "
                   "files counts as one.");
}

CounterFamily& Files(prometheus::Registry& registry) {
  return Counter(registry, "dray_files_total", "Files uploaded and downloaded.");
}

HistogramFamily& DeltaRequestDuration(prometheus::Registry& registry) {
  return Histogram(registry, "dray_delta_request_duration_seconds",
                   "How long requests to the delta service took.");
}

CounterFamily& DeltaErrors(prometheus::Registry& registry) {
  return Counter(registry, "dray_delta_errors_total",
                 "Requests to the delta service that ended in an error, by status code.");
}

CounterFamily& CatalogCommits(prometheus::Registry& registry) {
  return Counter(registry, "dray_catalog_commits_total", "Transactions committed to the catalog.");
}

HistogramFamily& CatalogCommitDuration(prometheus::Registry& registry) {
  return Histogram(registry, "dray_catalog_commit_duration_seconds",
                   "How long commits of the catalog took on disk.");
}

CounterFamily& CatalogVersions(prometheus::Registry& registry) {
  return Counter(registry, "dray_catalog_versions_total", "File versions added to the catalog.");
}

CounterFamily& SegmentBytesWritten(prometheus::Registry& registry) {
  return Counter(registry, "dray_segment_bytes_written_total", "Bytes appended to segments.");
}

HistogramFamily& SegmentSyncDuration(prometheus::Registry& registry) {
  return Histogram(registry, "dray_segment_sync_duration_seconds",
                   "How long it took to sync segments to disk.");
}

CounterFamily& ChunksReceived(prometheus::Registry& registry) {
  return Counter(registry, "dray_chunks_received_total", "Chunks received and stored.");
}

}  // namespace dray::metrics
