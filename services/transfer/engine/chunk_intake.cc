#include "services/transfer/engine/chunk_intake.h"

#include <algorithm>
#include <utility>

#include "core/net/spawn.h"
#include "services/transfer/engine/chunk_check.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/disk_pool.h"

namespace dray::transfer {
namespace {

using boost::asio::awaitable;

// Chunks told to delta in one message: about 70 bytes each, far below gRPC's 4 MiB.
constexpr size_t kChunksPerMessage = 8'192;

}  // namespace

delta::v1::StoredChunk ToStoredChunk(const ChunkId& id, uint32_t raw_bytes,
                                     const RecordLocation& location) {
  delta::v1::StoredChunk chunk;
  chunk.set_id(id.data(), kDigestBytes);
  chunk.set_length(raw_bytes);
  chunk.set_segment(static_cast<uint64_t>(location.segment));
  chunk.set_offset(location.offset_bytes);
  chunk.set_stored(location.stored_bytes);
  return chunk;
}

struct ChunkIntake::Stored {
  std::vector<delta::v1::StoredChunk> chunks;
  uint64_t raw_bytes = 0;
};

ChunkIntake::ChunkIntake(const Engine* engine, boost::asio::any_io_executor executor,
                         uint64_t session, std::string connection_id, Events events)
    : engine_(engine),
      executor_(std::move(executor)),
      session_(session),
      connection_id_(std::move(connection_id)),
      lease_(engine_->operations->Begin()),
      events_(std::move(events)),
      sync_timer_(executor_) {}

ChunkIntake::~ChunkIntake() {
  if (writer_ == nullptr) return;
  // Giving a segment back may touch the disk.
  engine_->disk->Post([writer = std::move(writer_)]() mutable { writer.reset(); });
}

awaitable<absl::Status> ChunkIntake::Store(DataRun run) {
  while (status_.ok() && !idle()) co_await changed_.Wait();
  if (!status_.ok()) co_return status_;
  StoreNow(std::move(run));
  co_return absl::OkStatus();
}

void ChunkIntake::StoreNow(DataRun run) {
  busy_ = true;
  Spawn(executor_, Process(shared_from_this(), std::move(run)));
}

awaitable<absl::Status> ChunkIntake::Drain() {
  while (status_.ok() && busy_) co_await changed_.Wait();
  co_return status_;
}

awaitable<absl::Status> ChunkIntake::Flush() {
  const auto self = shared_from_this();
  while (status_.ok() && (busy_ || telling_ || !unsynced_.empty() || !untold_.empty())) {
    if (!busy_ && !unsynced_.empty()) {
      busy_ = true;
      Spawn(executor_, SyncLater(self));
    }
    co_await changed_.Wait();
  }
  co_return status_;
}

void ChunkIntake::Close() {
  events_ = {};
  sync_timer_.cancel();
  if (status_.ok()) status_ = absl::CancelledError("the upload was ended");
  changed_.NotifyAll();
}

// On a disk thread.
absl::StatusOr<ChunkIntake::Stored> ChunkIntake::CheckAndAppend(const DataRun& run) {
  DRAY_ASSIGN_OR_RETURN(const std::vector<CheckedChunk> checked, CheckChunks(run));
  for (const CheckedChunk& chunk : checked) {
    if (!chunk.good) return DiffersFromItsId(chunk.frame.id);
  }
  if (writer_ == nullptr) {
    DRAY_ASSIGN_OR_RETURN(writer_, engine_->store->Lease());
  }
  Stored stored;
  stored.chunks.reserve(checked.size());
  for (const Slice& slice : run.slices()) {
    DRAY_ASSIGN_OR_RETURN(const std::vector<RecordLocation> locations,
                          writer_->Append(slice.bytes));
    for (const RecordLocation& location : locations) {
      const DataFrame& frame = checked[stored.chunks.size()].frame;
      stored.chunks.push_back(ToStoredChunk(frame.id, frame.raw_bytes, location));
      stored.raw_bytes += frame.raw_bytes;
    }
  }
  return stored;
}

awaitable<void> ChunkIntake::Process(std::shared_ptr<ChunkIntake> /*self*/, DataRun run) {
  absl::StatusOr<Stored> stored = absl::UnknownError("not run");
  auto job = [this, &run, &stored] { stored = CheckAndAppend(run); };
  co_await engine_->disk->Run(job);
  const uint64_t wire_bytes = run.size_bytes();
  const uint64_t credit_bytes = run.credit_bytes();
  run = DataRun();  // its memory is free for what comes next
  absl::Status status = stored.status();
  if (status.ok()) {
    if (events_.on_stored)
      events_.on_stored(credit_bytes, stored->raw_bytes, stored->chunks.size());
    unsynced_bytes_ += wire_bytes;
    std::move(stored->chunks.begin(), stored->chunks.end(), std::back_inserter(unsynced_));
    if (unsynced_bytes_ >= kMaxUnsyncedBytes) status = co_await Sync();
  }
  busy_ = false;
  if (!status.ok()) {
    Fail(status);
  } else {
    SyncWhenDue();
  }
  changed_.NotifyAll();
}

// REQUIRES: busy_.
awaitable<absl::Status> ChunkIntake::Sync() {
  absl::Status status;
  auto job = [this, &status] { status = writer_->Sync(); };
  co_await engine_->disk->Run(job);
  if (!status.ok()) co_return status;
  std::move(unsynced_.begin(), unsynced_.end(), std::back_inserter(untold_));
  unsynced_.clear();
  unsynced_bytes_ = 0;
  if (!telling_) {
    telling_ = true;
    Spawn(executor_, TellDelta(shared_from_this()));
  }
  co_return absl::OkStatus();
}

awaitable<void> ChunkIntake::SyncLater(std::shared_ptr<ChunkIntake> /*self*/) {
  const absl::Status status = co_await Sync();
  busy_ = false;
  if (!status.ok()) Fail(status);
  changed_.NotifyAll();
}

// Sees to it that what was appended last is not told late only because nothing follows.
void ChunkIntake::SyncWhenDue() {
  if (unsynced_.empty() || sync_timer_set_ || !status_.ok()) return;
  sync_timer_set_ = true;
  sync_timer_.expires_after(kMaxUnsyncedTime);
  sync_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->sync_timer_set_ = false;
    if (error || !self->status_.ok() || self->unsynced_.empty()) return;
    if (self->busy_) {
      self->unsynced_bytes_ = std::max(self->unsynced_bytes_, kMaxUnsyncedBytes);
    } else {
      self->busy_ = true;
      Spawn(self->executor_, self->SyncLater(self));
    }
  });
}

awaitable<void> ChunkIntake::TellDelta(std::shared_ptr<ChunkIntake> /*self*/) {
  while (!untold_.empty() && status_.ok()) {
    const size_t count = std::min(untold_.size(), kChunksPerMessage);
    delta::v1::AddChunksRequest request;
    request.set_session(session_);
    for (size_t i = 0; i < count; ++i) *request.add_chunks() = std::move(untold_[i]);
    untold_.erase(untold_.begin(), untold_.begin() + static_cast<ptrdiff_t>(count));
    const absl::Status status =
        co_await engine_->delta->AddChunks(std::move(request), connection_id_);
    if (!status.ok()) Fail(status);
    changed_.NotifyAll();
  }
  telling_ = false;
  changed_.NotifyAll();
}

void ChunkIntake::Fail(const absl::Status& status) {
  if (!status_.ok()) return;
  status_ = status;
  if (const auto on_failure = std::exchange(events_, {}).on_failure) on_failure(status);
}

}  // namespace dray::transfer
