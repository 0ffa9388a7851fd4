#include "client/file_upload.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/chunk_sender.h"
#include "client/file_hasher.h"
#include "client/upload_ledger.h"
#include "core/base/file.h"
#include "core/base/path.h"
#include "core/base/random.h"
#include "core/chunking/tree_builder.h"

namespace dray {
namespace {

// How far hashing may run ahead of the server's answers, and of the sending of what it wants.
constexpr uint64_t kMaxUnansweredBytes = 64 << 20;
constexpr uint64_t kMaxWantedBytes = 64 << 20;
// Data sent with one system call.
constexpr size_t kSendBytes = 1 << 20;
constexpr int kMaxRestarts = 3;

constexpr char kChanged[] = "the file changed while it was read";

// One attempt to put one file over one connection. Three threads: the one that calls Run sends,
// another hashes, and the connection's reader brings the answers.
class Attempt : public RequestHandler {
 public:
  Attempt(Channel* channel, Connection* connection, const UploadRequest& request,
          const struct stat& state, std::string operation_id, const Operation& operation,
          Trust trust, bool short_nodes);

  // `self` is this.
  absl::StatusOr<wire::v1::PutDone> Run(const std::shared_ptr<Attempt>& self);
  // After Run: whether chunks were taken from the cache instead of read.
  bool recalled() const { return recalled_; }

  absl::Status OnFrame(FrameType type, Bytes payload) override;
  void OnFailure(const absl::Status& status, bool) override { Fail(status).IgnoreError(); }

 private:
  void HashAhead();
  absl::Status AddChunks(TreeBuilder* builder, absl::Span<const ChunkEntry> chunks);
  // Keeps the first failure, which is the true one, and returns it.
  absl::Status Fail(const absl::Status& status);
  // For a connection that is lost: what the server may have said before comes first.
  absl::Status AwaitFailure();
  void AddDone(uint64_t bytes);

  absl::Status SendLoop();
  // Waits for something to send. False when the file is sent and settled.
  absl::StatusOr<bool> WaitForWork();
  void TakeControl(std::string* out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<UploadLedger::WantedChunk> TakeChunks() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Reads and encodes the chunks into buffer_; returns the length of their frames. Charges for them
  // before they are sent, so that no answer comes too early.
  absl::StatusOr<size_t> EncodeData(absl::Span<const UploadLedger::WantedChunk> chunks);
  absl::Status SendCommit();
  absl::StatusOr<wire::v1::PutDone> Commit();

  bool CreditFor(uint64_t frame_bytes) const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return in_flight_bytes_ + frame_bytes <= connection_->limits().unacknowledged_bytes();
  }
  bool CanSend() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !failure_.ok() || CanSend() || (hashed_ && ledger_.settled());
  }
  bool MayHashOn() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !failure_.ok() || (ledger_.unanswered_bytes() <= kMaxUnansweredBytes &&
                              ledger_.wanted_bytes() <= kMaxWantedBytes);
  }
  bool Answered() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !failure_.ok() || done_.has_value() || ledger_.NextChunk() != nullptr;
  }

  Channel* const channel_;
  Connection* const connection_;
  const UploadRequest& request_;
  const struct stat& state_;
  const std::string operation_id_;
  Tracker* const tracker_;
  HashCache* const hash_cache_;
  const Trust trust_;
  uint16_t id_ = 0;
  ChunkSender sender_;
  // What is sent next: not zeroed, and touched only where it is used.
  const std::unique_ptr<uint8_t[]> buffer_{new uint8_t[kSendBytes + kMaxDataFrameBytes]};
  // The hashing thread's, until it has ended.
  uint64_t chunks_ = 0;
  bool recalled_ = false;

  absl::Mutex mu_;
  UploadLedger ledger_ ABSL_GUARDED_BY(mu_);
  bool hashed_ ABSL_GUARDED_BY(mu_) = false;  // root_ is valid and every node is offered
  Root root_ ABSL_GUARDED_BY(mu_);
  uint64_t sent_data_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t in_flight_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // sent, not covered by PutStored
  uint64_t done_bytes_ ABSL_GUARDED_BY(mu_) = 0;       // told the tracker
  uint64_t saved_bytes_ ABSL_GUARDED_BY(mu_) = 0;      // of those, what the server knew
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  std::optional<wire::v1::PutDone> done_ ABSL_GUARDED_BY(mu_);
};

Attempt::Attempt(Channel* channel, Connection* connection, const UploadRequest& request,
                 const struct stat& state, std::string operation_id, const Operation& operation,
                 Trust trust, bool short_nodes)
    : channel_(channel),
      connection_(connection),
      request_(request),
      state_(state),
      operation_id_(std::move(operation_id)),
      tracker_(operation.tracker),
      hash_cache_(operation.hash_cache),
      trust_(trust),
      sender_(&channel->encoder()),
      ledger_(short_nodes && connection->Knows(wire::v1::SHORT_NODES)) {}

absl::StatusOr<wire::v1::PutDone> Attempt::Run(const std::shared_ptr<Attempt>& self) {
  DRAY_ASSIGN_OR_RETURN(id_, connection_->Start(self));
  wire::v1::PutOpen open;
  open.set_path(request_.remote);
  open.set_operation_id(operation_id_);
  open.set_size(static_cast<uint64_t>(state_.st_size));
  if (request_.replaces != nullptr) *open.mutable_replaces() = *request_.replaces;
  std::string frame;
  AppendControlFrame(FrameType::kPutOpen, id_, open, &frame);
  absl::Status status = connection_->Send(frame);
  std::thread hasher([this] { HashAhead(); });
  if (status.ok()) status = SendLoop();
  if (!status.ok()) status = connection_->status().ok() ? Fail(status) : AwaitFailure();
  hasher.join();
  absl::StatusOr<wire::v1::PutDone> done =
      status.ok() ? Commit() : absl::StatusOr<wire::v1::PutDone>(status);
  connection_->Finish(id_);
  if (!done.ok()) {
    absl::MutexLock lock(&mu_);
    tracker_->AddDone(-static_cast<int64_t>(done_bytes_));
    return done.status();
  }
  tracker_->AddChunks(chunks_);
  return done;
}

absl::Status Attempt::Fail(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  if (failure_.ok()) failure_ = status;
  return failure_;
}

absl::Status Attempt::AwaitFailure() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(
      +[](Attempt* self) ABSL_NO_THREAD_SAFETY_ANALYSIS { return !self->failure_.ok(); }, this));
  return failure_;
}

void Attempt::AddDone(uint64_t bytes) {
  tracker_->AddDone(static_cast<int64_t>(bytes));
  absl::MutexLock lock(&mu_);
  done_bytes_ += bytes;
}

void Attempt::HashAhead() {
  uint64_t leaf_offset = 0;
  TreeBuilder builder([&](TreeBuilder::FinishedNode node) {
    const uint64_t offset = leaf_offset;
    if (node.node.level == 0) leaf_offset += node.node.length_bytes();
    absl::MutexLock lock(&mu_);
    ledger_.Offer(std::move(node), offset);
  });
  const auto size = VisitFileChunks(
      request_.fd, hash_cache_, trust_, &recalled_,
      [&](absl::Span<const ChunkEntry> chunks) { return AddChunks(&builder, chunks); });
  if (!size.ok()) {
    Fail(WithContext(size.status(), EscapeName(request_.local))).IgnoreError();
    return;
  }
  if (*size != static_cast<uint64_t>(state_.st_size)) {
    Fail(absl::AbortedError(kChanged)).IgnoreError();
    return;
  }
  const Root root = builder.Finish();
  absl::MutexLock lock(&mu_);
  root_ = root;
  hashed_ = true;
}

absl::Status Attempt::AddChunks(TreeBuilder* builder, absl::Span<const ChunkEntry> chunks) {
  for (const ChunkEntry& chunk : chunks) builder->Add(chunk.id, chunk.length_bytes);
  chunks_ += chunks.size();
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &Attempt::MayHashOn));
  return failure_;
}

absl::Status Attempt::OnFrame(FrameType type, Bytes payload) {
  switch (type) {
    case FrameType::kPutKnown: {
      wire::v1::PutKnown known;
      DRAY_RETURN_IF_ERROR(ParseControl(type, payload, &known));
      absl::MutexLock lock(&mu_);
      DRAY_ASSIGN_OR_RETURN(const uint64_t saved, ledger_.OnKnown(known));
      done_bytes_ += saved;
      saved_bytes_ += saved;
      tracker_->AddDone(static_cast<int64_t>(saved));
      return absl::OkStatus();
    }
    case FrameType::kPutWanted: {
      wire::v1::PutWanted wanted;
      DRAY_RETURN_IF_ERROR(ParseControl(type, payload, &wanted));
      absl::MutexLock lock(&mu_);
      DRAY_ASSIGN_OR_RETURN(const uint64_t saved, ledger_.OnWanted(wanted));
      done_bytes_ += saved;
      saved_bytes_ += saved;
      tracker_->AddDone(static_cast<int64_t>(saved));
      return absl::OkStatus();
    }
    case FrameType::kPutStored: {
      wire::v1::PutStored stored;
      DRAY_RETURN_IF_ERROR(ParseControl(type, payload, &stored));
      absl::MutexLock lock(&mu_);
      if (stored.bytes() > sent_data_bytes_) {
        return absl::InternalError("the server broke the protocol: more stored than sent");
      }
      in_flight_bytes_ = sent_data_bytes_ - stored.bytes();
      ledger_.OnStored(stored.bytes());
      return absl::OkStatus();
    }
    case FrameType::kPutAgain: {
      wire::v1::PutAgain again;
      DRAY_RETURN_IF_ERROR(ParseControl(type, payload, &again));
      absl::MutexLock lock(&mu_);
      return ledger_.OnAgain(again);
    }
    case FrameType::kPutDone: {
      wire::v1::PutDone done;
      DRAY_RETURN_IF_ERROR(ParseControl(type, payload, &done));
      absl::MutexLock lock(&mu_);
      done_ = std::move(done);
      return absl::OkStatus();
    }
    default:
      return absl::InternalError(
          absl::StrCat("the server broke the protocol: ", FrameTypeName(type), " in an upload"));
  }
}

bool Attempt::CanSend() const {
  if (ledger_.has_offers() || ledger_.has_nodes()) return true;
  const UploadLedger::WantedChunk* chunk = ledger_.NextChunk();
  return chunk != nullptr && CreditFor(kDataFrameOverheadBytes + chunk->length_bytes);
}

absl::StatusOr<bool> Attempt::WaitForWork() {
  absl::MutexLock lock(&mu_);
  if (!HasWork()) {
    // Nothing is owed while this side is still reading the file.
    std::optional<Connection::Owed> owed;
    if (ledger_.awaits_answer() || ledger_.NextChunk() != nullptr) owed.emplace(connection_);
    mu_.Await(absl::Condition(this, &Attempt::HasWork));
  }
  if (!failure_.ok()) return failure_;
  return CanSend();
}

absl::Status Attempt::SendLoop() {
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool more, WaitForWork());
    if (!more) return absl::OkStatus();
    std::string control;
    std::vector<UploadLedger::WantedChunk> chunks;
    {
      absl::MutexLock lock(&mu_);
      TakeControl(&control);
      chunks = TakeChunks();
    }
    DRAY_ASSIGN_OR_RETURN(const size_t data_bytes, EncodeData(chunks));
    iovec parts[] = {{control.data(), control.size()}, {buffer_.get(), data_bytes}};
    DRAY_RETURN_IF_ERROR(connection_->Send(absl::MakeSpan(parts)));
    uint64_t raw_bytes = 0;
    for (const auto& chunk : chunks) raw_bytes += chunk.length_bytes;
    tracker_->AddChunksMoved(chunks.size());
    AddDone(raw_bytes);
  }
}

void Attempt::TakeControl(std::string* out) {
  while (ledger_.has_offers()) {
    wire::v1::PutOffer offer = ledger_.TakeOffers();
    offer.set_saved_bytes(saved_bytes_);
    AppendControlFrame(FrameType::kPutOffer, id_, offer, out);
  }
  while (const auto node = ledger_.TakeNode()) {
    AppendControlFrame(FrameType::kPutNode, id_, *node, out);
  }
}

std::vector<UploadLedger::WantedChunk> Attempt::TakeChunks() {
  std::vector<UploadLedger::WantedChunk> chunks;
  size_t bytes = 0;
  while (const UploadLedger::WantedChunk* chunk = ledger_.NextChunk()) {
    const uint64_t frame_bytes = kDataFrameOverheadBytes + chunk->length_bytes;
    if (bytes >= kSendBytes || !CreditFor(bytes + frame_bytes)) break;
    bytes += frame_bytes;
    chunks.push_back(*chunk);
    ledger_.PopChunk();
  }
  return chunks;
}

absl::StatusOr<size_t> Attempt::EncodeData(absl::Span<const UploadLedger::WantedChunk> chunks) {
  uint8_t* at = buffer_.get();
  channel_->PaceEncoder();
  for (const UploadLedger::WantedChunk& chunk : chunks) {
    uint8_t* const body = at + kDataFrameOverheadBytes;
    const MutableBytes raw(body, chunk.length_bytes);
    const auto read = ReadAt(request_.fd, chunk.offset_bytes, raw);
    if (!read.ok()) return WithContext(read.status(), EscapeName(request_.local));
    if (*read != raw.size()) return absl::AbortedError(kChanged);
    DRAY_ASSIGN_OR_RETURN(const ChunkSender::Written written, sender_.Write(chunk, id_, at));
    at += written.frame_bytes;
    absl::MutexLock lock(&mu_);
    sent_data_bytes_ += written.credit_bytes;
    in_flight_bytes_ += written.credit_bytes;
    if (written.delta) ledger_.DeltaSent(chunk, sent_data_bytes_);
  }
  return static_cast<size_t>(at - buffer_.get());
}

absl::StatusOr<wire::v1::PutDone> Attempt::Commit() {
  while (true) {
    DRAY_RETURN_IF_ERROR(SendCommit());
    {
      const Connection::Owed owed(connection_);
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &Attempt::Answered));
      if (!failure_.ok()) return failure_;
      if (done_) return *std::move(done_);
    }
    DRAY_RETURN_IF_ERROR(SendLoop());  // chunks that are wanted again
  }
}

absl::Status Attempt::SendCommit() {
  struct stat now;
  if (::fstat(request_.fd, &now) != 0) return ErrnoStatus(errno, EscapeName(request_.local));
  if (!SameState(state_, now)) return absl::AbortedError(kChanged);
  wire::v1::PutCommit commit;
  {
    absl::MutexLock lock(&mu_);
    commit.set_root(std::string(root_.view()));
  }
  *commit.mutable_metadata() = MetadataOf(state_);
  std::string frame;
  AppendControlFrame(FrameType::kPutCommit, id_, commit, &frame);
  return connection_->Send(frame);
}

// Whether the server, or this side, saw other bytes than were hashed.
bool LooksChanged(const absl::Status& status, const struct stat& before, int fd) {
  struct stat now;
  const bool same = ::fstat(fd, &now) == 0 && SameState(before, now);
  if (status.code() == absl::StatusCode::kAborted) return !same || status.message() == kChanged;
  return !same && (status.code() == absl::StatusCode::kDataLoss ||
                   status.code() == absl::StatusCode::kInvalidArgument);
}

// Whether the server, or this side, may have seen other bytes than the cache had promised. ABORTED
// has other causes too: then the file is read for nothing.
bool MayBeStale(const absl::Status& status) {
  return absl::IsAborted(status) || absl::IsDataLoss(status) || absl::IsInvalidArgument(status);
}

}  // namespace

wire::v1::Metadata MetadataOf(const struct stat& status) {
  wire::v1::Metadata metadata;
  metadata.set_kind(S_ISDIR(status.st_mode)   ? wire::v1::FOLDER
                    : S_ISLNK(status.st_mode) ? wire::v1::SYMLINK
                                              : wire::v1::FILE);
  metadata.set_mode(status.st_mode & 07777);
  metadata.set_mtime_ns(status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec);
  if (S_ISREG(status.st_mode)) metadata.set_size(static_cast<uint64_t>(status.st_size));
  return metadata;
}

bool SameState(const struct stat& before, const struct stat& after) {
  return before.st_ino == after.st_ino && before.st_size == after.st_size &&
         before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
         before.st_mtim.tv_nsec == after.st_mtim.tv_nsec;
}

absl::StatusOr<wire::v1::PutDone> UploadFile(const Operation& operation, Channel* channel,
                                             const UploadRequest& request) {
  Retrier retrier = operation.MakeRetrier();
  std::string operation_id = RandomBytes(16);
  Trust trust = request.trust;
  bool short_nodes = true;
  for (int restarts = 0;;) {
    struct stat state;
    if (::fstat(request.fd, &state) != 0) return ErrnoStatus(errno, EscapeName(request.local));
    bool recalled = false;
    absl::StatusOr<wire::v1::PutDone> done = [&]() -> absl::StatusOr<wire::v1::PutDone> {
      DRAY_ASSIGN_OR_RETURN(const auto connection, channel->Connect());
      const auto attempt = std::make_shared<Attempt>(channel, connection.get(), request, state,
                                                     operation_id, operation, trust, short_nodes);
      auto ended = attempt->Run(attempt);
      recalled = attempt->recalled();
      return ended;
    }();
    if (done.ok()) return done;
    channel->Drop();  // whatever is under way on it belongs to an upload that is over
    // Two ids may begin alike, and then a short node is another node.
    if (absl::IsAborted(done.status())) short_nodes = false;
    if (recalled && MayBeStale(done.status())) {
      trust = Trust::kFile;
      operation.hash_cache->Forget(FileState::Of(state));
      operation_id = RandomBytes(16);
      continue;
    }
    if (!LooksChanged(done.status(), state, request.fd)) {
      DRAY_RETURN_IF_ERROR(retrier.AfterFailure(done.status()));
      continue;
    }
    const std::string name = EscapeName(request.local);
    if (++restarts > kMaxRestarts) {
      return absl::FailedPreconditionError(
          absl::StrCat(name, " keeps changing while it is read; put it when nobody writes to it"));
    }
    operation.tracker->Tell(Notice::Kind::kRestarted,
                            absl::StrCat(name, ": ", kChanged, "; starting over"));
    operation_id = RandomBytes(16);  // other contents are another operation
  }
}

}  // namespace dray
