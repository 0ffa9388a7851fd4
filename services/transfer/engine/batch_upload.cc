#include "services/transfer/engine/batch_upload.h"

#include <algorithm>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/container/flat_hash_map.h"
#include "core/base/leases.h"
#include "core/chunking/sha256.h"
#include "core/chunking/tree_builder.h"
#include "core/segment/segment_store.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/transfer/engine/batch_bases.h"
#include "services/transfer/engine/chunk_check.h"
#include "services/transfer/engine/chunk_intake.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/dialect_metrics.h"
#include "services/transfer/engine/disk_pool.h"
#include "services/transfer/engine/md5_keeper.h"

namespace dray::transfer {
namespace {

using boost::asio::awaitable;

constexpr size_t kOperationIdBytes = 16;

// What an item's operation is called: the same for the same content at the same place in a batch
// sent again.
std::string ItemOperationId(const std::string& batch_operation_id, const std::string& path,
                            absl::string_view root) {
  std::string text = batch_operation_id;
  text.append(root.data(), root.size());
  text.append(path);
  return std::string(Sha256(AsBytes(text)).view().substr(0, kOperationIdBytes));
}

std::string Title(const Batch& batch) {
  if (batch.items.empty()) return "";
  if (batch.items.size() == 1) return batch.items.front().path;
  return absl::StrCat(batch.items.front().path, " and ", batch.items.size() - 1, " more");
}

bool Deletes(const Batch::Item& item) { return item.metadata.kind() == wire::v1::DELETED; }

absl::Status ErrorOf(const delta::v1::CommitBatchResponse::Answer& answer,
                     const Batch::Item& item) {
  const absl::Status error(static_cast<absl::StatusCode>(answer.code()), answer.message());
  if (!Deletes(item) || !absl::IsInvalidArgument(error)) return error;
  return absl::InvalidArgumentError(
      absl::StrCat(answer.message(),
                   "; if dray-delta is older than the front door, which deletes in batches, "
                   "upgrade dray-delta"));
}

// One batch on its way. Its methods run on a disk thread, or before and after that.
class BatchWork {
 public:
  BatchWork(SegmentStore* store, Batch batch, DataRun run)
      : store_(store), batch_(std::move(batch)), run_(std::move(run)), bases_(store, &batch_) {
    answers_.resize(batch_.items.size());
    request_.set_author(batch_.author);
    request_.set_bases(batch_.bases);
  }

  // Everything that is to be done before delta is asked.
  absl::Status Prepare() {
    DRAY_RETURN_IF_ERROR(CheckData());
    DRAY_RETURN_IF_ERROR(StoreData());
    run_ = DataRun();
    for (size_t i = 0; i < batch_.items.size(); ++i) {
      if (answers_[i].error.ok()) AddToRequest(i);
    }
    return absl::OkStatus();
  }

  // Whether something can be made of the deltas that came.
  bool HasDeltas() const;
  // Makes the chunks of which delta has told the bases, and a request of the items that wait for
  // something.
  absl::Status ApplyDeltas();
  bool HasBases() const { return !bases_.empty(); }
  void SignBases() { bases_.Sign(absl::MakeSpan(answers_)); }

  const delta::v1::CommitBatchRequest& request() const { return request_; }
  absl::Status TakeResponse(const delta::v1::CommitBatchResponse& response);

  std::vector<BatchAnswer> TakeAnswers() { return std::move(answers_); }
  size_t chunks_received() const { return received_.size(); }
  uint64_t raw_bytes() const { return raw_bytes_; }
  uint64_t committed_files() const { return committed_files_; }
  uint64_t committed_bytes() const { return committed_bytes_; }

 private:
  absl::Status CheckData();
  void Keep(const DataFrame& frame, const Slice& whole);
  void FailItemsWith(const absl::flat_hash_map<ChunkId, absl::Status>& bad);
  absl::Status StoreData();
  void AddToRequest(size_t index);

  SegmentStore* const store_;
  const Batch batch_;
  DataRun run_;
  BatchBases bases_;
  DataRun good_run_;
  absl::flat_hash_map<ChunkId, uint32_t> received_;
  std::vector<DataFrame> good_;
  uint64_t raw_bytes_ = 0;
  delta::v1::CommitBatchRequest request_;
  std::vector<size_t> item_of_request_;
  std::vector<BatchAnswer> answers_;
  uint64_t committed_files_ = 0;
  uint64_t committed_bytes_ = 0;
};

absl::Status BatchWork::CheckData() {
  if (run_.empty()) return absl::OkStatus();
  absl::flat_hash_map<ChunkId, uint32_t> lengths;
  for (const Batch::Item& item : batch_.items) {
    for (const Batch::Chunk& chunk : item.chunks) lengths.emplace(chunk.id, chunk.length_bytes);
  }
  DRAY_ASSIGN_OR_RETURN(const std::vector<CheckedChunk> checked, CheckChunks(run_));
  absl::flat_hash_map<ChunkId, absl::Status> bad;
  for (const CheckedChunk& chunk : checked) {
    const ChunkId& id = chunk.frame.id;
    const auto length = lengths.find(id);
    if (length == lengths.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the batch has no file with chunk ", id.hex(), ", but its data"));
    }
    if (!received_.emplace(id, chunk.frame.raw_bytes).second) {
      return absl::InvalidArgumentError(absl::StrCat("chunk ", id.hex(), " came twice"));
    }
    if (!chunk.good) {
      bad.emplace(id, DiffersFromItsId(id));
    } else if (length->second != chunk.frame.raw_bytes) {
      bad.emplace(id, absl::InvalidArgumentError(
                          absl::StrCat("chunk ", id.hex(), " is not as long as it is said to be")));
    } else {
      Keep(chunk.frame, chunk.whole);
    }
  }
  FailItemsWith(bad);
  return absl::OkStatus();
}

void BatchWork::Keep(const DataFrame& frame, const Slice& whole) {
  good_run_.Add(whole);
  good_.push_back(frame);
  raw_bytes_ += frame.raw_bytes;
}

void BatchWork::FailItemsWith(const absl::flat_hash_map<ChunkId, absl::Status>& bad) {
  if (bad.empty()) return;
  for (size_t i = 0; i < batch_.items.size(); ++i) {
    for (const Batch::Chunk& chunk : batch_.items[i].chunks) {
      const auto found = bad.find(chunk.id);
      if (found != bad.end()) answers_[i].error = found->second;
    }
  }
}

absl::Status BatchWork::StoreData() {
  if (good_run_.empty()) return absl::OkStatus();
  DRAY_ASSIGN_OR_RETURN(const std::unique_ptr<SegmentWriter> writer, store_->Lease());
  size_t next = 0;
  for (const Slice& slice : good_run_.slices()) {
    DRAY_ASSIGN_OR_RETURN(const std::vector<RecordLocation> locations, writer->Append(slice.bytes));
    for (const RecordLocation& location : locations) {
      const DataFrame& frame = good_[next++];
      *request_.add_chunks() = ToStoredChunk(frame.id, frame.raw_bytes, location);
    }
  }
  good_run_ = DataRun();
  good_.clear();
  return writer->Sync();
}

bool BatchWork::HasDeltas() const {
  const auto has_deltas = [](const Batch::Item& item) { return !item.deltas.empty(); };
  return HasBases() && std::any_of(batch_.items.begin(), batch_.items.end(), has_deltas);
}

absl::Status BatchWork::ApplyDeltas() {
  request_.clear_items();
  request_.clear_chunks();
  item_of_request_.clear();
  const std::vector<Slice> made = bases_.Rebuild();
  if (made.empty()) return absl::OkStatus();
  for (const Slice& whole : made) {
    DRAY_ASSIGN_OR_RETURN(const DataFrame frame, ParseDataFrame(whole.bytes));
    if (received_.emplace(frame.id, frame.raw_bytes).second) Keep(frame, whole);
  }
  DRAY_RETURN_IF_ERROR(StoreData());
  bases_.Clear();  // delta tells them again
  for (size_t i = 0; i < batch_.items.size(); ++i) {
    if (answers_[i].error.ok() && !answers_[i].missing.empty()) AddToRequest(i);
  }
  return absl::OkStatus();
}

void BatchWork::AddToRequest(size_t index) {
  const Batch::Item& item = batch_.items[index];
  delta::v1::CommitBatchRequest::Item* const to = request_.add_items();
  item_of_request_.push_back(index);
  to->set_path(item.path);
  *to->mutable_metadata() = item.metadata;
  if (item.replaces) *to->mutable_replaces() = *item.replaces;
  // A deletion is another operation than a put of the same path.
  std::string root(Deletes(item) ? 1 : 0, '\0');
  if (item.metadata.kind() == wire::v1::FILE) {
    TreeBuilder builder(
        [to](TreeBuilder::FinishedNode node) { to->add_nodes(std::move(node.encoding)); });
    for (const Batch::Chunk& chunk : item.chunks) builder.Add(chunk.id, chunk.length_bytes);
    root = std::string(builder.Finish().view());
  }
  to->set_operation_id(ItemOperationId(batch_.operation_id, item.path, root));
}

absl::Status BatchWork::TakeResponse(const delta::v1::CommitBatchResponse& response) {
  if (response.answers_size() != request_.items_size()) {
    return absl::InternalError("delta answered for another number of items than it was asked for");
  }
  for (int i = 0; i < response.answers_size(); ++i) {
    const auto& from = response.answers(i);
    const size_t index = item_of_request_[static_cast<size_t>(i)];
    BatchAnswer& to = answers_[index];
    if (from.code() != 0) {
      to.error = ErrorOf(from, batch_.items[index]);
      continue;
    }
    to.version = from.version();
    to.unchanged = from.unchanged();
    to.missing.assign(from.missing().begin(), from.missing().end());
    if (batch_.bases) DRAY_RETURN_IF_ERROR(bases_.Take(index, from));
    if (to.version == 0 || Deletes(batch_.items[index])) continue;
    ++committed_files_;
    committed_bytes_ += batch_.items[index].metadata.size();
  }
  return absl::OkStatus();
}

// Asks delta for what the work has to ask, and takes what it says.
awaitable<absl::Status> CommitWork(const Engine* engine, const Activity::Connection* connection,
                                   BatchWork* work) {
  if (work->request().items_size() == 0) co_return absl::OkStatus();
  const auto response = co_await engine->delta->CommitBatch(work->request(), connection->info().id);
  co_return response.ok() ? work->TakeResponse(*response) : response.status();
}

// Not inlined, both: of a coroutine half of which is, g++ takes Asio's pair of functions that
// allocate and free its frame for a mismatch.

// A batch of deletions alone is no transfer, and the disk has nothing to do with it.
ABSL_ATTRIBUTE_NOINLINE awaitable<absl::StatusOr<std::vector<BatchAnswer>>> DeleteBatch(
    const Engine* engine, const Activity::Connection* connection, Batch batch) {
  const Leases::Lease lease = engine->operations->Begin();
  BatchWork work(engine->store, std::move(batch), DataRun());
  DRAY_CO_RETURN_IF_ERROR(work.Prepare());
  const absl::Status committed = co_await CommitWork(engine, connection, &work);
  if (!committed.ok()) co_return committed;
  co_return work.TakeAnswers();
}

ABSL_ATTRIBUTE_NOINLINE awaitable<absl::StatusOr<std::vector<BatchAnswer>>> CommitBatch(
    const Engine* engine, const Activity::Connection* connection, Batch batch, DataRun run) {
  const Leases::Lease lease = engine->operations->Begin();
  Activity::Transfer transfer(connection, Direction::kUpload, Title(batch));
  BatchWork work(engine->store, std::move(batch), std::move(run));
  absl::Status status;
  auto prepare = [&work, &status] { status = work.Prepare(); };
  co_await engine->disk->Run(prepare);
  if (status.ok()) status = co_await CommitWork(engine, connection, &work);
  if (status.ok() && work.HasDeltas()) {
    auto apply = [&work, &status] { status = work.ApplyDeltas(); };
    co_await engine->disk->Run(apply);
    if (status.ok()) status = co_await CommitWork(engine, connection, &work);
  }
  if (status.ok() && work.HasBases()) {
    auto sign = [&work] { work.SignBases(); };
    co_await engine->disk->Run(sign);
  }
  transfer.metrics().chunks_received.Increment(static_cast<double>(work.chunks_received()));
  transfer.Moved(work.raw_bytes());
  if (!status.ok()) {
    transfer.Fail(status);
    co_return status;
  }
  if (work.committed_files() > 0) {
    const uint64_t bytes = work.committed_bytes();
    transfer.Finish(work.committed_files(), bytes, bytes - std::min(bytes, work.raw_bytes()));
    if (engine->md5s != nullptr) engine->md5s->Wake();
  } else {
    transfer.Forget();
  }
  co_return work.TakeAnswers();
}

}  // namespace

awaitable<absl::StatusOr<std::vector<BatchAnswer>>> UploadBatch(
    const Engine* engine, const Activity::Connection* connection, Batch batch, DataRun run) {
  if (std::all_of(batch.items.begin(), batch.items.end(), Deletes)) {
    return DeleteBatch(engine, connection, std::move(batch));
  }
  return CommitBatch(engine, connection, std::move(batch), std::move(run));
}

}  // namespace dray::transfer
