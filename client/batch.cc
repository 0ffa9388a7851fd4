#include "client/batch.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "client/wire_error.h"
#include "core/base/random.h"
#include "core/chunking/chunker.h"

namespace dray {
namespace {

constexpr size_t kMaxInFlight = 4;
constexpr size_t kMaxInFlightBytes = 16 << 20;
// How often the server may ask for the contents of the same item.
constexpr int kMaxRounds = 3;
// Deltas of one batch: they share its control frame with the items.
constexpr size_t kMaxDeltaBytes = 384 << 10;
// Of a BatchDelta's fields: tags and lengths, at most.
constexpr size_t kDeltaOverheadBytes = 24;
static_assert(kBatchFrameBytes + kMaxDeltaBytes < kMaxFramePayloadBytes);

absl::Status NeitherTakenNorLacking() {
  return absl::InternalError(
      "the server broke the protocol: it neither takes the file nor says what it lacks");
}

}  // namespace

size_t SmallItem::FrameBytes(size_t path_bytes, size_t link_bytes, uint64_t content_bytes) {
  constexpr size_t kFixed = 96;  // metadata, precondition, tags and lengths
  constexpr size_t kEachChunk = 44;
  return kFixed + path_bytes + link_bytes + (content_bytes / kMinChunkBytes + 1) * kEachChunk;
}

BatchPipeline::BatchPipeline(const Operation& operation, Channel* channel)
    : operation_(operation), channel_(channel), retrier_(operation.MakeRetrier()) {}

absl::Status BatchPipeline::Submit(std::vector<SmallItem> items, bool contents_at_once) {
  Batch batch = {.items = std::move(items), .operation_id = RandomBytes(16)};
  Hash(absl::MakeSpan(batch.items));
  for (const SmallItem& item : batch.items) batch.content_bytes += item.contents.size();
  batch.wanted.resize(batch.items.size());
  if (contents_at_once) {
    for (size_t i = 0; i < batch.items.size(); ++i) {
      for (uint32_t c = 0; c < batch.items[i].chunks.size(); ++c) batch.wanted[i].push_back({c});
    }
    batch.rounds = 1;
  }
  while (!in_flight_.empty() && (in_flight_.size() >= kMaxInFlight ||
                                 in_flight_bytes_ + batch.content_bytes > kMaxInFlightBytes)) {
    DRAY_RETURN_IF_ERROR(Harvest());
  }
  return Enter(std::move(batch));
}

void BatchPipeline::Hash(absl::Span<SmallItem> items) {
  std::vector<HashedChunk> all;
  std::vector<size_t> counts;
  for (const SmallItem& item : items) {
    const auto cut = item.recalled ? std::vector<HashedChunk>() : CutContents(item.contents);
    all.insert(all.end(), cut.begin(), cut.end());
    counts.push_back(cut.size());
  }
  HashAll(absl::MakeSpan(all));
  auto next = all.begin();
  for (size_t i = 0; i < items.size(); ++i) {
    SmallItem& item = items[i];
    if (item.recalled) continue;
    item.chunks.clear();
    for (const auto end = next + static_cast<ptrdiff_t>(counts[i]); next != end; ++next) {
      item.chunks.push_back({next->id, next->length_bytes()});
    }
    operation_.hash_cache->Keep(item.state, 0, item.read_since, item.chunks);
  }
}

absl::Status BatchPipeline::Drain() {
  while (!in_flight_.empty()) DRAY_RETURN_IF_ERROR(Harvest());
  return absl::OkStatus();
}

absl::Status BatchPipeline::Enter(Batch batch) {
  in_flight_bytes_ += batch.content_bytes;
  in_flight_.push_back(std::move(batch));
  // A failure shows again when the answer is waited for.
  Send(&in_flight_.back()).IgnoreError();
  return absl::OkStatus();
}

absl::Status BatchPipeline::Send(Batch* batch) {
  DRAY_ASSIGN_OR_RETURN(const std::shared_ptr<Connection> connection, channel_->Connect());
  const auto send = [&](uint16_t request) -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(const std::string frames, Encode(*batch, request));
    return connection->Send(frames);
  };
  DRAY_ASSIGN_OR_RETURN(batch->call, Call::Start(connection, FrameType::kPutBatchDone, send));
  return absl::OkStatus();
}

absl::StatusOr<std::string> BatchPipeline::Encode(const Batch& batch, uint16_t request) {
  channel_->PaceEncoder();
  wire::v1::PutBatch message;
  message.set_operation_id(batch.operation_id);
  std::vector<std::pair<ChunkId, Bytes>> data;
  absl::flat_hash_set<ChunkId> seen;
  size_t delta_bytes = 0;
  size_t deltas = 0;
  for (size_t i = 0; i < batch.items.size(); ++i) {
    const SmallItem& item = batch.items[i];
    wire::v1::BatchItem* entry = message.add_items();
    entry->set_path(item.remote);
    *entry->mutable_metadata() = item.metadata;
    if (item.replaces != nullptr) *entry->mutable_replaces() = *item.replaces;
    auto wanted = batch.wanted[i].begin();
    size_t offset = 0;
    for (uint32_t c = 0; c < item.chunks.size(); ++c) {
      const ChunkEntry& chunk = item.chunks[c];
      wire::v1::BatchChunk* told = entry->add_chunks();
      told->set_id(chunk.id.data(), kDigestBytes);
      told->set_length(chunk.length_bytes);
      if (wanted != batch.wanted[i].end() && wanted->index == c) {
        const Bytes body = Bytes(item.contents).subspan(offset, chunk.length_bytes);
        if (seen.insert(chunk.id).second) {
          DRAY_ASSIGN_OR_RETURN(const size_t taken, AddDelta(chunk.id, *wanted, body,
                                                             kMaxDeltaBytes - delta_bytes, entry));
          delta_bytes += taken;
          if (taken == 0) data.emplace_back(chunk.id, body);
          deltas += taken > 0 ? 1 : 0;
        }
        ++wanted;
      }
      offset += chunk.length_bytes;
    }
  }
  message.set_data_frames(static_cast<uint32_t>(data.size()));
  size_t most = kFrameHeaderBytes + message.ByteSizeLong();
  for (const auto& [id, body] : data) most += kDataFrameOverheadBytes + body.size();
  std::string out;
  out.reserve(most);
  AppendControlFrame(FrameType::kPutBatch, request, message, &out);
  for (const auto& [id, body] : data) {
    const DataFrame frame = channel_->encoder().Encode(id, body);
    uint8_t head[kDataFrameOverheadBytes];
    WriteDataFrameHead(frame, head);
    out.append(AsText(head)).append(AsText(frame.body));
  }
  operation_.tracker->AddChunksMoved(data.size() + deltas);
  return out;
}

absl::StatusOr<size_t> BatchPipeline::AddDelta(const ChunkId& id, const Wanted& wanted, Bytes chunk,
                                               size_t room, wire::v1::BatchItem* item) {
  if (wanted.base == nullptr) return 0;
  ChunkEncoder& encoder = channel_->encoder();
  DRAY_ASSIGN_OR_RETURN(const auto delta, deltas_.Make(wanted.base, chunk, encoder.level()));
  if (!delta) return 0;
  const size_t bytes = delta->bytes.size() + kDeltaOverheadBytes;
  if (bytes > room) return 0;
  const bool shorter = DeltaMaker::ClearlyShorter(bytes, chunk.size()) ||
                       bytes < encoder.Encode(id, chunk).frame_bytes();
  if (!shorter) return 0;
  wire::v1::BatchDelta* const told = item->add_deltas();
  told->set_index(wanted.index);
  told->set_delta(delta->bytes.data(), delta->bytes.size());
  told->set_raw_bytes(delta->raw_bytes);
  return bytes;
}

absl::Status BatchPipeline::Harvest() {
  Batch& oldest = in_flight_.front();
  if (oldest.call == nullptr) {
    for (Batch& batch : in_flight_) {
      if (batch.call != nullptr) continue;
      if (absl::Status sent = Send(&batch); !sent.ok()) return OnLost(sent);
    }
  }
  wire::v1::PutBatchDone done;
  if (absl::Status status = oldest.call->Receive(&done); !status.ok()) return OnLost(status);
  retrier_.Reset();
  Batch batch = std::move(oldest);
  in_flight_.pop_front();
  in_flight_bytes_ -= batch.content_bytes;
  batch.call.reset();
  return TakeAnswers(std::move(batch), done);
}

absl::Status BatchPipeline::OnLost(const absl::Status& status) {
  // A refusal that only concerns the oldest batch leaves the connection as it is.
  const Call* const oldest = in_flight_.front().call.get();
  const bool refused = oldest != nullptr && !MayRetry(status) && !oldest->lost();
  if (refused) {
    FailBatch(in_flight_.front(), status);
    in_flight_bytes_ -= in_flight_.front().content_bytes;
    in_flight_.pop_front();
    return absl::OkStatus();
  }
  for (Batch& batch : in_flight_) batch.call.reset();
  channel_->Drop();
  const absl::Status given_up = retrier_.AfterFailure(status);
  if (given_up.ok()) return given_up;
  for (const Batch& batch : in_flight_) FailBatch(batch, given_up);
  in_flight_.clear();
  in_flight_bytes_ = 0;
  return given_up;
}

absl::Status BatchPipeline::TakeAnswers(Batch batch, const wire::v1::PutBatchDone& done) {
  if (static_cast<size_t>(done.answers_size()) != batch.items.size()) {
    FailBatch(batch,
              absl::InternalError("the server broke the protocol: not one answer for each item"));
    return absl::OkStatus();
  }
  Batch again = {.operation_id = RandomBytes(16), .rounds = batch.rounds + 1};
  absl::Status retry;
  for (size_t i = 0; i < batch.items.size(); ++i) {
    std::vector<Wanted> wanted;
    if (TakeAnswer(batch, &batch.items[i], done.answers(static_cast<int>(i)), &wanted, &retry)) {
      continue;
    }
    if (absl::Status read = ReadRecalled(&batch.items[i], &wanted); !read.ok()) {
      ReportFailed(batch.items[i], read);
      continue;
    }
    again.content_bytes += batch.items[i].contents.size();
    again.items.push_back(std::move(batch.items[i]));
    again.wanted.push_back(std::move(wanted));
  }
  if (again.items.empty()) return absl::OkStatus();
  if (!retry.ok()) {
    if (absl::Status status = retrier_.AfterFailure(retry); !status.ok()) {
      FailBatch(again, status);
      return operation_.cancellation->Check();
    }
  }
  return Enter(std::move(again));
}

absl::Status BatchPipeline::ReadRecalled(SmallItem* item, std::vector<Wanted>* wanted) {
  if (!item->recalled || wanted->empty()) return absl::OkStatus();
  const std::vector<ChunkEntry> offered = item->chunks;
  DRAY_RETURN_IF_ERROR(item->read(item));
  item->recalled = false;
  Hash({item, 1});
  if (item->chunks != offered) wanted->clear();
  return absl::OkStatus();
}

bool BatchPipeline::TakeAnswer(const Batch& batch, SmallItem* item,
                               const wire::v1::PutBatchDone::Answer& answer,
                               std::vector<Wanted>* wanted, absl::Status* retry) {
  if (answer.has_error()) {
    const absl::Status status = StatusFromWire(answer.error());
    if (MayRetry(status) && batch.rounds <= operation_.options->retry.retries) {
      *retry = status;
      return false;
    }
    ReportFailed(*item, status);
    return true;
  }
  if (answer.version() != 0) {
    ReportDone(*item, answer);
    return true;
  }
  absl::Status taken = TakeWanted(*item, answer, wanted);
  if (taken.ok() && batch.rounds >= kMaxRounds) taken = NeitherTakenNorLacking();
  if (!taken.ok()) ReportFailed(*item, taken);
  return !taken.ok();
}

absl::Status BatchPipeline::TakeWanted(const SmallItem& item,
                                       const wire::v1::PutBatchDone::Answer& answer,
                                       std::vector<Wanted>* wanted) {
  for (const uint32_t index : answer.missing()) {
    const bool ascends = wanted->empty() || index > wanted->back().index;
    if (!ascends || index >= item.chunks.size()) return NeitherTakenNorLacking();
    wanted->push_back({index});
  }
  if (wanted->empty()) return NeitherTakenNorLacking();
  for (const wire::v1::PutBase& base : answer.bases()) {
    if (base.first() > wanted->size() || base.count() > wanted->size() - base.first()) {
      return absl::InternalError("the server broke the protocol: a base of nothing that it lacks");
    }
    const auto shared = std::make_shared<const wire::v1::PutBase>(base);
    for (uint32_t i = 0; i < base.count(); ++i) (*wanted)[base.first() + i].base = shared;
  }
  return absl::OkStatus();
}

void BatchPipeline::FailBatch(const Batch& batch, const absl::Status& status) {
  for (const SmallItem& item : batch.items) ReportFailed(item, status);
}

void BatchPipeline::ReportFailed(const SmallItem& item, const absl::Status& status) {
  operation_.tracker->Report({.outcome = FileReport::Outcome::kFailed,
                              .kind = item.metadata.kind(),
                              .local = item.local,
                              .remote = item.remote,
                              .size_bytes = item.metadata.size(),
                              .status = status});
}

void BatchPipeline::ReportDone(const SmallItem& item,
                               const wire::v1::PutBatchDone::Answer& answer) {
  operation_.tracker->AddDone(static_cast<int64_t>(item.metadata.size()));
  operation_.tracker->AddChunks(item.chunks.size());
  operation_.tracker->Report(
      {.outcome = answer.unchanged() ? FileReport::Outcome::kUnchanged : FileReport::Outcome::kDone,
       .kind = item.metadata.kind(),
       .local = item.local,
       .remote = item.remote,
       .size_bytes = item.metadata.size(),
       .version = answer.version(),
       .connection_id = channel_->connection_id()});
}

}  // namespace dray
