#ifndef DRAY_SERVICES_TRANSFER_ENGINE_CHUNK_INTAKE_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_CHUNK_INTAKE_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "core/base/leases.h"
#include "core/base/status.h"
#include "core/net/condition.h"
#include "core/segment/segment_store.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/transfer/engine/engine.h"
#include "services/transfer/engine/slab.h"

namespace dray::transfer {

// The way of an upload's chunks: checked, appended to a segment leased for this upload, synced,
// told to delta. One run is on its way to the segment while the next is received; telling delta
// goes on beside that. Everything happens on one executor, but for the work on the disk pool; its
// coroutines keep it alive.
class ChunkIntake : public std::enable_shared_from_this<ChunkIntake> {
 public:
  // What may be appended and not yet durable and told to delta.
  static constexpr uint64_t kMaxUnsyncedBytes = 32u << 20;
  static constexpr std::chrono::milliseconds kMaxUnsyncedTime{1000};

  struct Events {
    // Told each run that was taken in: what it was charged for, and its raw bytes.
    std::function<void(uint64_t credit_bytes, uint64_t raw_bytes, size_t chunks)> on_stored;
    // Told the first error, once.
    std::function<void(const absl::Status&)> on_failure;
  };

  ChunkIntake(const Engine* engine, boost::asio::any_io_executor executor, uint64_t session,
              std::string connection_id, Events events);
  // The segment goes back to the store.
  ~ChunkIntake();

  // Takes a run over; returns when the one before is in. An error is the intake's.
  boost::asio::awaitable<absl::Status> Store(DataRun run);
  // REQUIRES: idle().
  void StoreNow(DataRun run);
  // Whether Store() would start at once.
  bool idle() const { return !busy_ && status_.ok() && untold_.size() < kMaxUntold; }
  // Returns when every run is in.
  boost::asio::awaitable<absl::Status> Drain();
  // Returns when every chunk is durable and delta knows of it.
  boost::asio::awaitable<absl::Status> Flush();
  // Tells no more events; what waits returns with an error.
  void Close();

 private:
  static constexpr size_t kMaxUntold = 16'384;
  struct Stored;

  boost::asio::awaitable<void> Process(std::shared_ptr<ChunkIntake> self, DataRun run);
  boost::asio::awaitable<void> SyncLater(std::shared_ptr<ChunkIntake> self);
  boost::asio::awaitable<absl::Status> Sync();
  boost::asio::awaitable<void> TellDelta(std::shared_ptr<ChunkIntake> self);
  absl::StatusOr<Stored> CheckAndAppend(const DataRun& run);
  void SyncWhenDue();
  void Fail(const absl::Status& status);

  const Engine* const engine_;
  const boost::asio::any_io_executor executor_;
  const uint64_t session_;
  const std::string connection_id_;
  const Leases::Lease lease_;  // on what is written, and not told
  Events events_;

  std::unique_ptr<SegmentWriter> writer_;  // used by one disk job at a time, while busy_
  bool busy_ = false;
  bool telling_ = false;
  absl::Status status_;
  std::vector<delta::v1::StoredChunk> unsynced_;
  uint64_t unsynced_bytes_ = 0;
  std::vector<delta::v1::StoredChunk> untold_;
  boost::asio::steady_timer sync_timer_;
  bool sync_timer_set_ = false;
  Condition changed_;
};

// What delta is to be told of an appended chunk.
delta::v1::StoredChunk ToStoredChunk(const ChunkId& id, uint32_t raw_bytes,
                                     const RecordLocation& location);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_CHUNK_INTAKE_H_
