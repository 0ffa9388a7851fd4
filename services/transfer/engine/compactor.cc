#include "services/transfer/engine/compactor.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "core/base/file.h"
#include "core/base/leases.h"
#include "core/net/spawn.h"
#include "core/telemetry/logging.h"
#include "services/transfer/engine/chunk_intake.h"
#include "services/transfer/engine/delta_client.h"

namespace dray::transfer {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using Clock = std::chrono::steady_clock;

constexpr auto kAwaitable = asio::as_tuple(asio::use_awaitable);
constexpr int kNice = 10;
// Of one question to delta, and of one order.
constexpr size_t kChunksInMessage = 8192;
// Copied in one go.
constexpr size_t kCopyBytes = 1 << 20;

prometheus::Counter& Counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

absl::Status BrokenAnswer() {
  return absl::InternalError("delta's answer does not fit what it was asked");
}

}  // namespace

Compactor::Compactor(const Engine& engine, asio::any_io_executor executor,
                     const CompactionOptions& options, prometheus::Registry& registry)
    : engine_(engine),
      options_(options),
      background_(1, "compact", kNice),
      executor_(std::move(executor)),
      rewritten_(Counter(registry, "dray_segments_rewritten_total",
                         "Segments whose chunks were moved together elsewhere.")),
      deleted_(Counter(registry, "dray_segments_deleted_total",
                       "Segments deleted, since the catalog needed nothing in them.")),
      freed_bytes_(Counter(registry, "dray_segment_bytes_freed_total",
                           "What the deleted segments took on disk.")) {}

Compactor::~Compactor() { Stop(); }

void Compactor::Start() {
  if (options_.every > std::chrono::milliseconds(0)) Spawn(executor_, Watch());
}

awaitable<void> Compactor::Watch() {
  asio::steady_timer wait(executor_);
  while (true) {
    wait.expires_after(options_.every);
    co_await wait.async_wait(kAwaitable);
    const absl::Status status = co_await RunRound();
    if (!status.ok()) spdlog::warn("no room is given back now: {}", status.ToString());
  }
}

awaitable<absl::Status> Compactor::RunRound() {
  // In this order: what delta is not told of by then, it was told of, or never will be.
  const auto settled = co_await SettledSegments();
  if (!settled.ok()) co_return settled.status();
  const auto uses = co_await AskUses();
  if (!uses.ok()) co_return uses.status();
  std::vector<SegmentId> unused;
  std::vector<std::pair<uint64_t, SegmentId>> sparse;
  for (const SegmentInfo& segment : *settled) {
    const auto use = uses->find(segment.id);
    if (use != uses->end()) unused_.erase(segment.id);
    if (use == uses->end()) {
      const uint64_t since =
          unused_.try_emplace(segment.id, engine_.operations->Next()).first->second;
      if (engine_.operations->OpenBefore(since) == 0) unused.push_back(segment.id);
    } else if (static_cast<double>(use->second) <
                   options_.rewrite_below * static_cast<double>(segment.size_bytes) &&
               !damaged_.contains(segment.id)) {
      sparse.emplace_back(use->second, segment.id);
    }
  }
  const absl::Status deleted = co_await Delete(std::move(unused));
  if (!deleted.ok()) co_return deleted;
  std::sort(sparse.begin(), sparse.end());
  asio::steady_timer pause(executor_);
  for (const auto& [needed_bytes, id] : sparse) {
    const Clock::time_point begun = Clock::now();
    const absl::Status status = co_await Rewrite(id);
    if (!status.ok()) co_return status;
    pause.expires_after(Clock::now() - begun);
    co_await pause.async_wait(kAwaitable);
  }
  co_return absl::OkStatus();
}

awaitable<absl::StatusOr<std::vector<SegmentInfo>>> Compactor::SettledSegments() {
  absl::StatusOr<std::vector<SegmentInfo>> all = absl::CancelledError("the service is stopping");
  auto list = [&] { all = engine_.store->List(); };
  co_await background_.Run(list);
  if (!all.ok()) co_return all.status();
  const auto before = std::exchange(sealed_, {});
  sizes_bytes_.clear();
  std::vector<SegmentInfo> settled;
  for (const SegmentInfo& segment : *all) {
    if (!segment.sealed) continue;
    const auto known = before.find(segment.id);
    const uint64_t since = known != before.end() ? known->second : engine_.operations->Next();
    sealed_.emplace(segment.id, since);
    sizes_bytes_.emplace(segment.id, segment.size_bytes);
    if (engine_.operations->OpenBefore(since) == 0) settled.push_back(segment);
  }
  const auto is_gone = [this](const auto& item) { return !sealed_.contains(item.first); };
  absl::erase_if(unused_, is_gone);
  absl::erase_if(damaged_, [this](SegmentId id) { return !sealed_.contains(id); });
  co_return settled;
}

awaitable<absl::StatusOr<Compactor::Uses>> Compactor::AskUses() {
  const auto stream = engine_.delta->SegmentUses(delta::v1::SegmentUsesRequest());
  Uses uses;
  delta::v1::SegmentUsesResponse response;
  while (true) {
    response.Clear();
    const absl::StatusOr<bool> more = co_await stream->Read(&response);
    if (!more.ok()) co_return more.status();
    if (!*more) co_return uses;
    for (const auto& use : response.uses()) uses[SegmentId{use.segment()}] = use.stored();
  }
}

awaitable<absl::Status> Compactor::Delete(std::vector<SegmentId> unused) {
  if (unused.empty()) co_return absl::OkStatus();
  if (unused.size() > kChunksInMessage) unused.resize(kChunksInMessage);
  delta::v1::RetireSegmentsRequest request;
  for (const SegmentId id : unused) request.add_segments(static_cast<uint64_t>(id));
  const auto response = co_await engine_.delta->RetireSegments(std::move(request));
  if (!response.ok()) co_return response.status();
  const absl::flat_hash_set<SegmentId> asked(unused.begin(), unused.end());
  uint64_t bytes = 0;
  for (const uint64_t retired : response->retired()) {
    const SegmentId id{retired};
    if (!asked.contains(id)) co_return BrokenAnswer();
    spdlog::debug("segment {:016x} is retired", retired);
    absl::Status status = absl::CancelledError("the service is stopping");
    auto remove = [&] { status = engine_.store->Delete(id); };
    co_await background_.Run(remove);
    if (!status.ok() && !absl::IsNotFound(status)) co_return status;
    deleted_.Increment();
    bytes += sizes_bytes_[id];
  }
  if (response->retired_size() == 0) co_return absl::OkStatus();
  freed_bytes_.Increment(static_cast<double>(bytes));
  spdlog::info("deleted {} segments that nothing is needed of: {} bytes", response->retired_size(),
               bytes);
  co_return absl::OkStatus();
}

awaitable<absl::Status> Compactor::Rewrite(SegmentId id) {
  const auto needed = co_await FindNeeded(id);
  if (absl::IsDataLoss(needed.status())) {
    // `dray-delta check` tells whose chunks suffer; what is whole is still read where it lies.
    spdlog::warn("segment {:016x} is not rewritten: {}", static_cast<uint64_t>(id),
                 needed.status().ToString());
    damaged_.insert(id);
    co_return absl::OkStatus();
  }
  if (!needed.ok()) co_return needed.status();
  absl::StatusOr<std::vector<RecordLocation>> to = absl::CancelledError("the service is stopping");
  auto copy = [&] { to = Copy(*needed); };
  co_await background_.Run(copy);
  if (!to.ok()) co_return to.status();
  spdlog::debug("segment {:016x}: {} chunks are copied", static_cast<uint64_t>(id), needed->size());
  const absl::Status told = co_await TellMoves(*needed, *to);
  if (!told.ok()) co_return told;
  rewritten_.Increment();
  spdlog::info("segment {:016x} is rewritten: {} chunks lie elsewhere", static_cast<uint64_t>(id),
               needed->size());
  co_return absl::OkStatus();
}

absl::StatusOr<std::vector<Compactor::Needed>> Compactor::ScanSegment(SegmentId id) {
  std::vector<Needed> records;
  absl::Status damage;
  DRAY_RETURN_IF_ERROR(engine_.store->Scan(
      id,
      [&](const ScannedRecord& record) {
        records.push_back({record.id, record.raw_bytes, record.location});
      },
      [&](const DamagedRange& range) {
        damage = absl::DataLossError(
            absl::StrCat("damaged at offset ", range.offset_bytes, "; run dray-delta check"));
      }));
  DRAY_RETURN_IF_ERROR(damage);
  return records;
}

awaitable<absl::StatusOr<std::vector<Compactor::Needed>>> Compactor::FindNeeded(SegmentId id) {
  absl::StatusOr<std::vector<Needed>> records = absl::CancelledError("the service is stopping");
  auto scan = [&] { records = ScanSegment(id); };
  co_await background_.Run(scan);
  if (!records.ok()) co_return records.status();
  std::vector<Needed> needed;
  for (size_t first = 0; first < records->size(); first += kChunksInMessage) {
    const size_t count = std::min(kChunksInMessage, records->size() - first);
    delta::v1::FindChunksRequest request;
    for (size_t i = first; i < first + count; ++i) {
      request.mutable_chunk_ids()->append((*records)[i].id.view());
    }
    const auto found = co_await engine_.delta->FindChunks(std::move(request));
    if (!found.ok()) co_return found.status();
    if (static_cast<size_t>(found->chunks_size()) != count) co_return BrokenAnswer();
    for (size_t i = 0; i < count; ++i) {
      const Needed& record = (*records)[first + i];
      const auto& chunk = found->chunks(static_cast<int>(i));
      if (chunk.segment() == static_cast<uint64_t>(id) &&
          chunk.offset() == record.from.offset_bytes &&
          chunk.stored() == record.from.stored_bytes) {
        needed.push_back(record);
      }
    }
  }
  co_return needed;
}

absl::StatusOr<std::vector<RecordLocation>> Compactor::Copy(const std::vector<Needed>& needed) {
  std::vector<RecordLocation> to;
  if (needed.empty()) return to;
  DRAY_ASSIGN_OR_RETURN(const auto segment, engine_.store->Open(needed[0].from.segment));
  DRAY_ASSIGN_OR_RETURN(const auto writer, engine_.store->Lease());
  std::vector<uint8_t> bytes;
  const auto append = [&]() -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(const auto locations, writer->Append(bytes));
    to.insert(to.end(), locations.begin(), locations.end());
    bytes.clear();
    return absl::OkStatus();
  };
  for (const Needed& record : needed) {
    const size_t at = bytes.size();
    bytes.resize(at + record.from.stored_bytes);
    DRAY_ASSIGN_OR_RETURN(const size_t read, ReadAt(segment->fd(), record.from.offset_bytes,
                                                    MutableBytes(bytes).subspan(at)));
    if (read < record.from.stored_bytes) return absl::AbortedError("the segment became shorter");
    if (bytes.size() >= kCopyBytes) DRAY_RETURN_IF_ERROR(append());
  }
  if (!bytes.empty()) DRAY_RETURN_IF_ERROR(append());
  if (to.size() != needed.size()) return absl::InternalError("what was copied is something else");
  DRAY_RETURN_IF_ERROR(writer->Sync());
  return to;
}

awaitable<absl::Status> Compactor::TellMoves(const std::vector<Needed>& needed,
                                             const std::vector<RecordLocation>& to) {
  for (size_t first = 0; first < needed.size(); first += kChunksInMessage) {
    delta::v1::MoveChunksRequest request;
    const size_t end = std::min(first + kChunksInMessage, needed.size());
    for (size_t i = first; i < end; ++i) {
      auto* const move = request.add_moves();
      *move->mutable_from() = ToStoredChunk(needed[i].id, needed[i].raw_bytes, needed[i].from);
      move->set_segment(static_cast<uint64_t>(to[i].segment));
      move->set_offset(to[i].offset_bytes);
    }
    const auto moved = co_await engine_.delta->MoveChunks(std::move(request));
    if (!moved.ok()) co_return moved.status();
  }
  co_return absl::OkStatus();
}

}  // namespace dray::transfer
