#include "services/transfer/dialects/native/batch_receiver.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/base/path.h"
#include "core/chunking/chunker.h"
#include "core/net/spawn.h"
#include "services/transfer/dialects/native/connection.h"
#include "services/transfer/engine/batch_upload.h"

namespace dray::transfer::native {
namespace {

using boost::asio::awaitable;

constexpr int kMaxWithData = 2;
constexpr size_t kOperationIdBytes = 16;

bool Deletes(const wire::v1::BatchItem& item) {
  return item.metadata().kind() == wire::v1::DELETED;
}

// What was put cannot be deleted by the same batch: sent again it would be put again.
absl::Status CheckDeletions(const wire::v1::PutBatch& batch) {
  absl::flat_hash_set<std::string_view> paths;
  for (const wire::v1::BatchItem& item : batch.items()) {
    if (!paths.insert(item.path()).second && Deletes(item)) {
      return absl::InvalidArgumentError(
          absl::StrCat("a batch deletes \"", EscapeName(item.path()),
                       "\" after another item of that path; it may only do so before all others"));
    }
    if (Deletes(item) && item.chunks_size() > 0) {
      return absl::InvalidArgumentError("what a batch deletes has no chunks");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckItem(const wire::v1::BatchItem& item) {
  DRAY_ASSIGN_OR_RETURN(const auto names, SplitRemotePath(item.path()));
  if (names.empty()) return absl::InvalidArgumentError("a batch's item needs a name");
  for (const wire::v1::BatchChunk& chunk : item.chunks()) {
    if (chunk.id().size() != kDigestBytes) {
      return absl::InvalidArgumentError("a chunk's id must be 32 bytes");
    }
    if (chunk.length() == 0 || chunk.length() > kMaxChunkBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("a chunk of ", chunk.length(), " bytes: 1 to ", kMaxChunkBytes, " it is"));
    }
  }
  return absl::OkStatus();
}

bool HasDeltas(const wire::v1::PutBatch& batch) {
  const auto& items = batch.items();
  return std::any_of(items.begin(), items.end(),
                     [](const wire::v1::BatchItem& item) { return item.deltas_size() > 0; });
}

// Adds the lengths of the chunks that the item's deltas are to make.
absl::Status CheckDeltas(const wire::v1::BatchItem& item, uint64_t* made_bytes) {
  uint32_t next = 0;
  for (const wire::v1::BatchDelta& delta : item.deltas()) {
    if (delta.index() < next || delta.index() >= static_cast<uint32_t>(item.chunks_size())) {
      return absl::InvalidArgumentError(
          "deltas must ascend, and be of chunks that the item has, each at most once");
    }
    next = delta.index() + 1;
    *made_bytes += item.chunks(static_cast<int>(delta.index())).length();
  }
  return absl::OkStatus();
}

Batch ToEngine(wire::v1::PutBatch batch, const Connection& connection) {
  Batch result;
  result.author = connection.author();
  result.bases = connection.has_feature(wire::v1::BATCH_DELTAS);
  result.operation_id = std::move(*batch.mutable_operation_id());
  result.items.reserve(static_cast<size_t>(batch.items_size()));
  for (wire::v1::BatchItem& item : *batch.mutable_items()) {
    Batch::Item& to = result.items.emplace_back();
    to.path = std::move(*item.mutable_path());
    to.metadata = std::move(*item.mutable_metadata());
    if (item.has_replaces()) to.replaces = item.replaces();
    to.chunks.reserve(static_cast<size_t>(item.chunks_size()));
    for (const wire::v1::BatchChunk& chunk : item.chunks()) {
      to.chunks.push_back({*ChunkId::FromBytes(chunk.id()), chunk.length()});
    }
    for (wire::v1::BatchDelta& delta : *item.mutable_deltas()) {
      to.deltas.push_back({delta.index(), std::move(*delta.mutable_delta()), delta.raw_bytes()});
    }
  }
  return result;
}

wire::v1::PutBatchDone ToWire(const Connection& connection,
                              const std::vector<BatchAnswer>& answers) {
  wire::v1::PutBatchDone done;
  for (const BatchAnswer& answer : answers) {
    wire::v1::PutBatchDone::Answer& to = *done.add_answers();
    to.set_version(answer.version);
    to.set_unchanged(answer.unchanged);
    to.mutable_missing()->Add(answer.missing.begin(), answer.missing.end());
    for (const BatchAnswer::Base& base : answer.bases) {
      wire::v1::PutBase& out = *to.add_bases();
      out.set_first(base.first);
      out.set_count(base.count);
      out.set_block_bytes(base.signature.block_bytes);
      out.set_hashes(base.signature.hashes);
    }
    if (!answer.error.ok()) *to.mutable_error() = connection.MakeError(answer.error);
  }
  return done;
}

}  // namespace

BatchReceiver::BatchReceiver(Connection* connection) : connection_(connection) {}
BatchReceiver::~BatchReceiver() = default;

absl::Status BatchReceiver::CheckBatch(const wire::v1::PutBatch& batch) const {
  if (static_cast<size_t>(batch.items_size()) > kMaxBatchItems) {
    return absl::InvalidArgumentError(
        absl::StrCat("a batch of ", batch.items_size(), " items: ", kMaxBatchItems, " at most"));
  }
  if (batch.operation_id().size() != kOperationIdBytes) {
    return absl::InvalidArgumentError("operation_id must be 16 random bytes");
  }
  if (HasDeltas(batch) && !connection_->has_feature(wire::v1::BATCH_DELTAS)) {
    return absl::InvalidArgumentError("deltas in a batch, without the feature BATCH_DELTAS");
  }
  uint64_t chunks = 0;
  uint64_t made_bytes = 0;
  for (const wire::v1::BatchItem& item : batch.items()) {
    DRAY_RETURN_IF_ERROR(CheckItem(item));
    DRAY_RETURN_IF_ERROR(CheckDeltas(item, &made_bytes));
    chunks += static_cast<uint64_t>(item.chunks_size());
  }
  if (made_bytes > kMaxBatchDataBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "deltas that make ", made_bytes, " bytes in a batch: ", kMaxBatchDataBytes, " at most"));
  }
  if (std::any_of(batch.items().begin(), batch.items().end(), Deletes)) {
    if (!connection_->has_feature(wire::v1::BATCH_DELETES)) {
      return absl::InvalidArgumentError("a batch deletes only where both sides know BATCH_DELETES");
    }
    DRAY_RETURN_IF_ERROR(CheckDeletions(batch));
  }
  if (batch.data_frames() > chunks) {
    return absl::InvalidArgumentError("a batch with more data frames than its files have chunks");
  }
  return absl::OkStatus();
}

awaitable<absl::Status> BatchReceiver::OnBatch(const ReceivedFrame& frame) {
  request_ = frame.header.request;
  batch_.Clear();
  run_ = DataRun();
  received_bytes_ = 0;
  // How many data frames follow must be known, whatever else is wrong.
  DRAY_CO_RETURN_IF_ERROR(ParseControl(frame.header.type, frame.payload(), &batch_));
  status_ = CheckBatch(batch_);
  frames_to_come_ = batch_.data_frames();
  // Bounds what batches hold in memory: while two are on their way, the client has to wait.
  if (frames_to_come_ > 0 || HasDeltas(batch_)) {
    while (with_data_ >= kMaxWithData && !closed_) co_await changed_.Wait();
  }
  if (frames_to_come_ == 0 && !closed_) co_await Start();
  co_return absl::OkStatus();
}

awaitable<absl::Status> BatchReceiver::OnData(const Slice& frame) {
  received_bytes_ += frame.bytes.size();
  if (received_bytes_ > connection_->options().unacknowledged_bytes) {
    co_return absl::ResourceExhaustedError("far more data in a batch than a batch may have");
  }
  if (status_.ok() && received_bytes_ > kMaxBatchDataBytes) {
    run_ = DataRun();
    status_ = absl::InvalidArgumentError(
        absl::StrCat("more than ", kMaxBatchDataBytes, " bytes of data in a batch; send less"));
  }
  if (status_.ok()) run_.Add(frame);
  if (--frames_to_come_ == 0) co_await Start();
  co_return absl::OkStatus();
}

awaitable<void> BatchReceiver::Start() {
  if (!status_.ok()) {
    run_ = DataRun();
    connection_->FinishWithError(request_, status_);
    co_return;
  }
  Spawn(connection_->executor(), Commit(connection_->shared_from_this(), request_,
                                        std::exchange(batch_, {}), std::exchange(run_, DataRun())));
}

awaitable<void> BatchReceiver::Commit(std::shared_ptr<Connection> alive, uint16_t request,
                                      wire::v1::PutBatch batch, DataRun run) {
  const bool has_data = !run.empty() || HasDeltas(batch);
  if (has_data) ++with_data_;
  Batch to_commit = ToEngine(std::move(batch), *alive);
  const auto answers = co_await UploadBatch(&alive->engine(), &alive->activity(),
                                            std::move(to_commit), std::move(run));
  if (has_data) {
    --with_data_;
    changed_.NotifyAll();
  }
  if (answers.ok()) {
    alive->Finish(request, FrameType::kPutBatchDone, ToWire(*alive, *answers));
  } else {
    alive->FinishWithError(request, answers.status());
  }
}

void BatchReceiver::Close() {
  closed_ = true;
  frames_to_come_ = 0;
  run_ = DataRun();
  changed_.NotifyAll();
}

}  // namespace dray::transfer::native
