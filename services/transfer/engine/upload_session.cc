#include "services/transfer/engine/upload_session.h"

#include <algorithm>
#include <utility>

#include "core/base/path.h"
#include "core/chunking/leaf_edit.h"
#include "core/chunking/node.h"
#include "core/framing/data_frame.h"
#include "core/telemetry/logging.h"
#include "services/transfer/engine/dialect_metrics.h"
#include "services/transfer/engine/disk_pool.h"
#include "services/transfer/engine/md5_keeper.h"
#include "services/transfer/engine/retry_advice.h"

namespace dray::transfer {
namespace {

using boost::asio::awaitable;

constexpr size_t kMaxEncodingBytes = kNodeHeadBytes + kMaxNodeEntries * kNodeEntryBytes;
constexpr size_t kOperationIdBytes = 16;

// After so many bases in a row that were of no use, only one in kProbe is signed.
constexpr size_t kManyMisses = 64;
constexpr size_t kProbe = 16;
constexpr uint64_t kNowhere = ~uint64_t{0};

uint64_t PlaceOf(uint64_t ordinal, uint32_t index) { return ordinal * kMaxNodeEntries + index; }

absl::Status TooMuchPending(absl::string_view what) {
  return NotWorthRetrying(absl::ResourceExhaustedError(
      absl::StrCat("more than ", UploadSession::kMaxPending, " ", what,
                   " without an answer; wait for answers before sending more")));
}

absl::Status BrokenAnswer() {
  return absl::InternalError("delta answered what was not asked; the upload cannot go on");
}

}  // namespace

UploadSession::UploadSession(const Engine* engine, boost::asio::any_io_executor executor,
                             const Activity::Connection* connection, Target target)
    : engine_(engine),
      executor_(std::move(executor)),
      target_(std::move(target)),
      lease_(engine_->operations->Begin()),
      transfer_(connection, Direction::kUpload, target_.path),
      connection_id_(connection->info().id),
      answer_timer_(executor_) {
  transfer_.SetTotal(target_.size);
}

UploadSession::~UploadSession() { Close(absl::CancelledError("broken off")); }

awaitable<absl::StatusOr<std::shared_ptr<UploadSession>>> UploadSession::Open(
    const Engine* engine, boost::asio::any_io_executor executor,
    const Activity::Connection* connection, Target target) {
  const auto names = SplitRemotePath(target.path);
  if (!names.ok()) co_return names.status();
  if (names->empty()) co_return absl::InvalidArgumentError("a file needs a name");
  if (target.operation_id.size() != kOperationIdBytes) {
    co_return absl::InvalidArgumentError("operation_id must be 16 random bytes");
  }
  const std::shared_ptr<UploadSession> session(
      new UploadSession(engine, std::move(executor), connection, std::move(target)));
  const absl::Status begun = co_await session->Begin();
  if (!begun.ok()) {
    session->Close(begun);
    co_return begun;
  }
  co_return session;
}

awaitable<absl::Status> UploadSession::Begin() {
  stream_ = engine_->delta->Compare(connection_id_);
  SetAnswerTimer();
  delta::v1::CompareResponse response;
  const absl::StatusOr<bool> answered = co_await stream_->Read(&response);
  StopAnswerTimer();
  if (late_) co_return engine_->delta->TookTooLong();
  if (!answered.ok()) co_return answered.status();
  if (!*answered || !response.has_opened()) co_return BrokenAnswer();
  session_ = response.opened().session();
  ChunkIntake::Events events;
  events.on_stored = [this](uint64_t wire_bytes, uint64_t raw_bytes, size_t chunks) {
    transfer_.Moved(raw_bytes);
    transfer_.metrics().chunks_received.Increment(static_cast<double>(chunks));
    stored_bytes_ += wire_bytes;
    if (events_.on_stored) events_.on_stored(stored_bytes_);
  };
  events.on_failure = [this](const absl::Status& status) {
    if (events_.on_failure) events_.on_failure(status);
  };
  intake_ = std::make_shared<ChunkIntake>(engine_, executor_, session_, connection_id_,
                                          std::move(events));
  co_return absl::OkStatus();
}

awaitable<absl::Status> UploadSession::Offer(wire::v1::PutOffer offer) {
  const auto self = shared_from_this();
  const std::string& node_ids = offer.node_ids();
  transfer_.SetSaved(offer.saved_bytes());
  if (node_ids.empty() || node_ids.size() % kDigestBytes != 0) {
    co_return absl::InvalidArgumentError("offered node ids must be 32 bytes each");
  }
  if (target_.short_nodes && offer.shapes_size() > 0) {
    DRAY_CO_RETURN_IF_ERROR(offered_nodes_.Offer(node_ids, offer.shapes()));
  }
  if (reading_ && !answers_owed()) SetAnswerTimer();
  const bool first = offered_ == 0;
  offered_ += node_ids.size() / kDigestBytes;
  if (offered_ - answered_ > kMaxPending) co_return TooMuchPending("nodes offered");
  delta::v1::CompareRequest request;
  request.mutable_offer()->set_node_ids(std::move(*offer.mutable_node_ids()));
  if (target_.short_nodes) {
    request.mutable_offer()->mutable_shapes()->Swap(offer.mutable_shapes());
  }
  if (first && target_.deltas) request.mutable_offer()->set_base_path(target_.path);
  // When the stream is broken, NextAnswer() tells why.
  static_cast<void>(co_await stream_->Write(request));
  co_return absl::OkStatus();
}

awaitable<absl::Status> UploadSession::AddNode(wire::v1::PutNode node) {
  const auto self = shared_from_this();
  const uint64_t ordinal = node.ordinal();
  DRAY_CO_ASSIGN_OR_RETURN(std::string encoding, offered_nodes_.Complete(std::move(node)));
  if (encoding.size() < kNodeHeadBytes || encoding.size() > kMaxEncodingBytes) {
    co_return absl::InvalidArgumentError("a node's encoding has a wrong length");
  }
  if (reading_ && !answers_owed()) SetAnswerTimer();
  const size_t entries = (encoding.size() - kNodeHeadBytes) / kLeafEntryBytes;
  pending_entries_ += entries;
  if (pending_entries_ > kMaxPending) co_return TooMuchPending("entries of nodes");
  delta::v1::CompareRequest request;
  request.mutable_node()->set_ordinal(ordinal);
  request.mutable_node()->set_encoding(encoding);
  pending_nodes_.push_back(PendingNode{ordinal, std::move(encoding), entries});
  // When the stream is broken, NextAnswer() tells why.
  static_cast<void>(co_await stream_->Write(request));
  co_return absl::OkStatus();
}

awaitable<absl::StatusOr<UploadSession::Answer>> UploadSession::NextAnswer() {
  const auto self = shared_from_this();
  absl::StatusOr<Answer> answer = co_await ReadAnswer();
  if (!answer.ok()) answers_status_ = answer.status();
  answered_more_.NotifyAll();
  co_return answer;
}

awaitable<absl::StatusOr<UploadSession::Answer>> UploadSession::ReadAnswer() {
  delta::v1::CompareResponse response;
  reading_ = true;
  if (answers_owed()) SetAnswerTimer();
  const absl::StatusOr<bool> answered = co_await stream_->Read(&response);
  reading_ = false;
  StopAnswerTimer();
  if (closed_) co_return absl::CancelledError("the upload was ended");
  if (late_) co_return engine_->delta->TookTooLong();
  if (!answered.ok()) co_return answered.status();
  if (!*answered) co_return absl::UnavailableError("delta ended the session; try again");
  absl::StatusOr<Answer> answer = BrokenAnswer();
  if (response.has_known()) answer = TakeKnown(std::move(*response.mutable_known()));
  if (response.has_wanted()) answer = TakeWanted(response.wanted());
  co_return answer;
}

void UploadSession::StopAnswerTimer() {
  answer_timer_.expires_at(boost::asio::steady_timer::time_point::max());
}

void UploadSession::SetAnswerTimer() {
  answer_timer_.expires_after(absl::ToChronoNanoseconds(engine_->delta->deadline()));
  answer_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& cancelled) {
    const auto self = weak.lock();
    if (cancelled || self == nullptr || self->closed_) return;
    // It may have been set anew after this was on its way.
    if (self->answer_timer_.expiry() > std::chrono::steady_clock::now()) return;
    self->late_ = true;
    self->stream_->Cancel();
  });
}

absl::StatusOr<UploadSession::Answer> UploadSession::TakeKnown(
    delta::v1::CompareResponse::Known known) {
  if (known.answered() < answered_ || known.answered() > offered_) return BrokenAnswer();
  answered_ = known.answered();
  Known answer{known.answered(), {known.unknown().begin(), known.unknown().end()}, {}};
  for (auto& old : *known.mutable_olds()) {
    std::string short_ids = ShortIds(old.entries());
    if (!offered_nodes_.KeepOld(old.ordinal(), std::move(*old.mutable_entries()))) continue;
    answer.olds.push_back({old.ordinal(), std::move(short_ids)});
  }
  return answer;
}

absl::StatusOr<UploadSession::Answer> UploadSession::TakeWanted(
    const delta::v1::CompareResponse::Wanted& wanted) {
  if (pending_nodes_.empty() || pending_nodes_.front().ordinal != wanted.ordinal()) {
    return BrokenAnswer();
  }
  const PendingNode node = std::move(pending_nodes_.front());
  pending_nodes_.pop_front();
  pending_entries_ -= node.entries;
  for (const uint32_t index : wanted.missing()) {
    if (index >= node.entries) return BrokenAnswer();
    const size_t at = kNodeHeadBytes + index * kLeafEntryBytes;
    wanted_.try_emplace(ChunkId::Load(AsBytes(node.encoding).data() + at), kNowhere);
  }
  if (wanted_.size() > kMaxPending) return TooMuchPending("chunks asked for");
  Wanted answer{wanted.ordinal(), {wanted.missing().begin(), wanted.missing().end()}, {}};
  if (target_.deltas) DRAY_RETURN_IF_ERROR(TakeBases(wanted, node, &answer));
  return answer;
}

absl::Status UploadSession::TakeBases(const delta::v1::CompareResponse::Wanted& message,
                                      const PendingNode& node, Wanted* wanted) {
  uint32_t next = 0;
  for (const auto& proto : message.bases()) {
    const size_t count = wanted->missing.size();
    if (proto.first() < next || proto.count() == 0 || proto.first() > count ||
        proto.count() > count - proto.first()) {
      return BrokenAnswer();
    }
    next = proto.first() + proto.count();
    std::optional<ChunkBase> base = ChunkBase::FromProto(proto);
    if (!base) continue;
    Base based{proto.first(), proto.count(), 0, std::make_shared<ChunkBase>(*std::move(base)), {}};
    for (uint32_t i = proto.first(); i < next; ++i) {
      const uint8_t* const entry =
          AsBytes(node.encoding).data() + kNodeHeadBytes + wanted->missing[i] * kLeafEntryBytes;
      based.wanted_bytes += LoadBigEndian<uint32_t>(entry + kDigestBytes);
    }
    wanted->bases.push_back(std::move(based));
  }
  for (const Base& base : wanted->bases) {
    for (uint32_t i = base.first; i < base.first + base.count; ++i) {
      const uint32_t index = wanted->missing[i];
      const uint8_t* const entry =
          AsBytes(node.encoding).data() + kNodeHeadBytes + index * kLeafEntryBytes;
      const ChunkId id = ChunkId::Load(entry);
      const auto length = LoadBigEndian<uint32_t>(entry + kDigestBytes);
      if (length == 0 || length > kMaxRawChunkBytes) continue;
      const uint64_t place = PlaceOf(wanted->ordinal, index);
      wanted_[id] = place;
      based_[place] = BasedChunk{id, length, base.base};
    }
  }
  return absl::OkStatus();
}

awaitable<void> UploadSession::Sign(Wanted* wanted) {
  const auto self = shared_from_this();
  auto job = [this, wanted] {
    size_t total = 0;
    for (Base& base : wanted->bases) {
      const size_t most =
          std::min(MostSignatureBytes(*base.base, base.wanted_bytes), kMaxSignaturesBytes - total);
      auto signature = SignBase(*engine_->store, *base.base, most);
      if (!signature.ok()) {
        spdlog::warn("a base cannot be signed: {}", signature.status().ToString());
        continue;
      }
      base.signature = *std::move(signature);
      if (base.signature) total += base.signature->hashes.size();
    }
  };
  const bool worth_trying = misses_ < kManyMisses || wanted->ordinal % kProbe == 0;
  if (worth_trying) co_await engine_->disk->Run(job);
  for (const Base& base : wanted->bases) {
    if (!base.signature) ForgetBase(*wanted, base);
  }
}

void UploadSession::ForgetBase(const Wanted& wanted, const Base& base) {
  for (uint32_t i = base.first; i < base.first + base.count; ++i) {
    const auto found = based_.find(PlaceOf(wanted.ordinal, wanted.missing[i]));
    if (found == based_.end()) continue;
    wanted_[found->second.id] = kNowhere;
    based_.erase(found);
  }
}

absl::Status UploadSession::Expect(const ChunkId& id) {
  const auto found = wanted_.find(id);
  if (found == wanted_.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk ", id.hex(), " was sent, but not asked for"));
  }
  if (based_.erase(found->second) > 0) ++misses_;
  wanted_.erase(found);
  again_.erase(id);
  return absl::OkStatus();
}

absl::StatusOr<BasedChunk> UploadSession::ExpectDelta(uint64_t ordinal, uint32_t index) {
  const auto found = index < kMaxNodeEntries ? based_.find(PlaceOf(ordinal, index)) : based_.end();
  if (found == based_.end()) {
    return absl::InvalidArgumentError(absl::StrCat("a delta for chunk ", index, " of node ",
                                                   ordinal, ", for which there is no base"));
  }
  BasedChunk chunk = std::move(found->second);
  based_.erase(found);
  wanted_.erase(chunk.id);
  misses_ = 0;
  return chunk;
}

awaitable<absl::StatusOr<std::optional<Slice>>> UploadSession::Rebuild(BasedChunk chunk,
                                                                       std::string delta,
                                                                       uint32_t raw_bytes) {
  const auto self = shared_from_this();
  absl::StatusOr<std::optional<Slice>> made = std::nullopt;
  auto job = [&] { made = RebuildChunk(*engine_->store, chunk, AsBytes(delta), raw_bytes); };
  co_await engine_->disk->Run(job);
  if (made.ok() && !made->has_value()) {
    wanted_.try_emplace(chunk.id, kNowhere);
    again_.insert(chunk.id);
  }
  co_return made;
}

void UploadSession::Return(uint64_t credit_bytes) {
  stored_bytes_ += credit_bytes;
  if (events_.on_stored) events_.on_stored(stored_bytes_);
}

awaitable<absl::Status> UploadSession::Store(DataRun run) {
  const auto intake = intake_;
  const absl::Status status = co_await intake->Store(std::move(run));
  co_return status;
}

awaitable<absl::Status> UploadSession::DrainStores() {
  const auto intake = intake_;
  const absl::Status status = co_await intake->Drain();
  co_return status;
}

awaitable<absl::StatusOr<delta::v1::CommitResponse>> UploadSession::Commit(
    std::string root, wire::v1::Metadata metadata) {
  const auto self = shared_from_this();
  const absl::Status flushed = co_await intake_->Flush();
  if (!flushed.ok()) co_return flushed;
  // A client need not wait for what delta says of the last nodes, and delta takes them on another
  // stream than the commit.
  while (answers_status_.ok() && answers_owed()) {
    co_await answered_more_.Wait();
  }
  if (!answers_status_.ok()) co_return answers_status_;
  const uint64_t size = metadata.size();
  delta::v1::CommitRequest request;
  request.set_session(session_);
  request.set_path(target_.path);
  *request.mutable_metadata() = std::move(metadata);
  request.set_root(std::move(root));
  request.set_operation_id(target_.operation_id);
  if (target_.replaces) *request.mutable_replaces() = *target_.replaces;
  request.set_author(target_.author);
  auto response = co_await engine_->delta->Commit(std::move(request), connection_id_);
  if (!response.ok()) co_return response.status();
  const uint64_t moved = transfer_.moved();
  transfer_.Finish(1, size, size > moved ? size - moved : 0);
  if (engine_->md5s != nullptr && !response->unchanged()) engine_->md5s->Wake();
  Close(absl::OkStatus());
  co_return response;
}

void UploadSession::Close(const absl::Status& why) {
  if (closed_) return;
  closed_ = true;
  events_ = {};
  StopAnswerTimer();
  if (!why.ok()) transfer_.Fail(why);
  if (intake_ != nullptr) intake_->Close();
  if (stream_ != nullptr) stream_->Cancel();
}

}  // namespace dray::transfer
