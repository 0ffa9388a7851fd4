#ifndef DRAY_SERVICES_TRANSFER_ENGINE_COMPACTOR_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_COMPACTOR_H_

#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/base/status.h"
#include "core/segment/segment_store.h"
#include "services/transfer/engine/compaction_options.h"
#include "services/transfer/engine/disk_pool.h"
#include "services/transfer/engine/engine.h"

namespace dray::transfer {

// Gives back the room of what the catalog no longer needs. Now and then it asks delta what the
// catalog's chunks take in each segment. A sealed segment in which little is needed is rewritten:
// its chunks are copied to another one and synced, then delta is told where they lie. A segment
// without chunks is retired, so that delta lets none be added, and deleted; both only once every
// operation has ended that began before and may know of places in it. A crash between two steps
// leaves copies that nobody needs, or a segment without chunks, for the next round.
//
// One segment at a time, on a thread that yields to all others, with pauses as long as its work.
// Everything in `engine`, and the event loop of `executor`, outlive it; that loop is stopped before
// it is destroyed.
class Compactor {
 public:
  Compactor(const Engine& engine, boost::asio::any_io_executor executor,
            const CompactionOptions& options, prometheus::Registry& registry);
  ~Compactor();

  void Start();
  // Ends the thread; nothing is written or deleted any more.
  void Stop() { background_.Stop(); }

 private:
  using Uses = absl::flat_hash_map<SegmentId, uint64_t>;  // bytes that are needed
  // A chunk that is needed, and where it lies.
  struct Needed {
    ChunkId id;
    uint32_t raw_bytes = 0;
    RecordLocation from;
  };

  boost::asio::awaitable<void> Watch();
  boost::asio::awaitable<absl::Status> RunRound();
  boost::asio::awaitable<absl::StatusOr<Uses>> AskUses();
  // Sealed segments about which delta has been told all that it ever will be.
  boost::asio::awaitable<absl::StatusOr<std::vector<SegmentInfo>>> SettledSegments();
  boost::asio::awaitable<absl::Status> Delete(std::vector<SegmentId> unused);
  boost::asio::awaitable<absl::Status> Rewrite(SegmentId id);
  boost::asio::awaitable<absl::StatusOr<std::vector<Needed>>> FindNeeded(SegmentId id);
  absl::StatusOr<std::vector<Needed>> ScanSegment(SegmentId id);
  // On the disk thread: copies the records and syncs; returns where they lie then.
  absl::StatusOr<std::vector<RecordLocation>> Copy(const std::vector<Needed>& needed);
  boost::asio::awaitable<absl::Status> TellMoves(const std::vector<Needed>& needed,
                                                 const std::vector<RecordLocation>& to);

  const Engine engine_;
  const CompactionOptions options_;
  DiskPool background_;
  const boost::asio::any_io_executor executor_;
  prometheus::Counter& rewritten_;
  prometheus::Counter& deleted_;
  prometheus::Counter& freed_bytes_;

  // On the executor. When a segment was first seen sealed, and first seen without chunks: in
  // numbers of operations.
  absl::flat_hash_map<SegmentId, uint64_t> sealed_;
  absl::flat_hash_map<SegmentId, uint64_t> unused_;
  absl::flat_hash_set<SegmentId> damaged_;  // left as they are
  absl::flat_hash_map<SegmentId, uint64_t> sizes_bytes_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_COMPACTOR_H_
