#include "client/download.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"
#include "core/framing/data_frame.h"

namespace dray {
namespace {

// Whether something was named that deltas may be made of.
bool NamesBases(const wire::v1::Get& get) {
  return std::any_of(get.items().begin(), get.items().end(), [](const wire::v1::Get::Item& item) {
    return !item.bases().empty() || !item.old_chunk_ids().empty();
  });
}

// Chunks verified in one go: enough to hash three at a time, few enough to leave the connection's
// memory to the receiver.
constexpr size_t kGroup = 12;
constexpr size_t kGroupBytes = 1 << 20;

}  // namespace

class Download::Inbox : public RequestHandler {
 public:
  explicit Inbox(bool takes_deltas) : takes_deltas_(takes_deltas) {}

  absl::Status OnFrame(FrameType type, Bytes payload) override {
    absl::MutexLock lock(&mu_);
    if (type == FrameType::kGetItems && !items_) {
      wire::v1::GetItems items;
      DRAY_RETURN_IF_ERROR(ParseControl(type, payload, &items));
      items_ = std::move(items);
      return absl::OkStatus();
    }
    if (type == FrameType::kGetDelta && items_ && takes_deltas_) {
      auto delta = std::make_unique<wire::v1::GetDelta>();
      DRAY_RETURN_IF_ERROR(ParseControl(type, payload, delta.get()));
      mu_.Await(absl::Condition(this, &Inbox::HasRoom));
      delta_bytes_ += payload.size();
      if (!given_up_) frames_.push_back({{}, std::move(delta), payload.size()});
      return absl::OkStatus();
    }
    if (type == FrameType::kGetEnd && items_) {
      ended_ = true;
      return absl::OkStatus();
    }
    return absl::InternalError(
        absl::StrCat("the server broke the protocol: ", FrameTypeName(type), " in a download"));
  }
  absl::Status OnData(ReceivedData data) override {
    absl::MutexLock lock(&mu_);
    if (!given_up_) frames_.push_back({std::move(data), nullptr, 0});
    return absl::OkStatus();
  }
  void OnFailure(const absl::Status& status, bool lost) override {
    absl::MutexLock lock(&mu_);
    failure_ = status;
    lost_ = lost;
  }

  // Both set `lost` when what they return is the loss of the connection.
  absl::StatusOr<wire::v1::GetItems> WaitItems(bool* lost) {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](Inbox* self) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          return self->items_.has_value() || !self->failure_.ok();
        },
        this));
    if (items_) return *items_;
    *lost = lost_;
    return failure_;
  }
  // Waits for at least one frame, or the end.
  absl::StatusOr<std::vector<Frame>> WaitFrames(bool* lost) {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](Inbox* self) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          return !self->frames_.empty() || self->ended_ || !self->failure_.ok();
        },
        this));
    if (frames_.empty() && !ended_) {
      *lost = lost_;
      return failure_;
    }
    std::vector<Frame> group;
    size_t bytes = 0;
    while (!frames_.empty() && group.size() < kGroup && bytes < kGroupBytes) {
      const Frame& next = frames_.front();
      delta_bytes_ -= next.delta_bytes;
      bytes += next.data.frame.size() + next.delta_bytes;
      group.push_back(std::move(frames_.front()));
      frames_.pop_front();
    }
    return group;
  }
  void GiveUp() {
    absl::MutexLock lock(&mu_);
    given_up_ = true;
    frames_.clear();
  }

 private:
  // Deltas are copied: those that are not used yet are kept few. Data frames stay in the
  // connection's memory, which is bounded by itself.
  static constexpr size_t kMaxDeltaBytes = 4 << 20;

  bool HasRoom() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return given_up_ || delta_bytes_ < kMaxDeltaBytes;
  }

  const bool takes_deltas_;
  absl::Mutex mu_;
  size_t delta_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool given_up_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<wire::v1::GetItems> items_ ABSL_GUARDED_BY(mu_);
  std::deque<Frame> frames_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  bool lost_ ABSL_GUARDED_BY(mu_) = false;
};

Download::Download(std::shared_ptr<Connection> connection, const wire::v1::Get& get)
    : connection_(std::move(connection)),
      items_(get.items_size()),
      inbox_(std::make_shared<Inbox>(NamesBases(get))) {}

absl::StatusOr<std::unique_ptr<Download>> Download::Start(std::shared_ptr<Connection> connection,
                                                          const wire::v1::Get& get) {
  std::unique_ptr<Download> download(new Download(std::move(connection), get));
  DRAY_ASSIGN_OR_RETURN(download->request_, download->connection_->Start(download->inbox_));
  std::string frame;
  AppendControlFrame(FrameType::kGet, download->request_, get, &frame);
  DRAY_RETURN_IF_ERROR(download->connection_->Send(frame));
  return download;
}

Download::~Download() {
  inbox_->GiveUp();
  connection_->Finish(request_);
}

absl::StatusOr<wire::v1::GetItems> Download::ReceiveItems() {
  const Connection::Owed owed(connection_.get());
  DRAY_ASSIGN_OR_RETURN(wire::v1::GetItems items, inbox_->WaitItems(&lost_));
  if (items.items_size() != items_) {
    return absl::InternalError("the server broke the protocol: not one answer for each file");
  }
  return items;
}

absl::StatusOr<absl::Span<const Download::VerifiedChunk>> Download::ReceiveChunks() {
  chunks_.clear();
  frames_.clear();
  DRAY_RETURN_IF_ERROR(wrong_);
  {
    const Connection::Owed owed(connection_.get());
    DRAY_ASSIGN_OR_RETURN(frames_, inbox_->WaitFrames(&lost_));
  }
  wrong_ = Verify();
  if (chunks_.empty() && !wrong_.ok()) return wrong_;
  return absl::MakeConstSpan(chunks_);
}

absl::Status Download::Verify() {
  std::vector<Bytes> messages;
  absl::Status result;
  for (const Frame& frame : frames_) {
    if (frame.delta != nullptr) {
      chunks_.push_back({.id = {}, .raw = {}, .delta = frame.delta.get()});
      continue;
    }
    const absl::StatusOr<VerifiedChunk> chunk = Decode(frame.data, messages.size());
    result = chunk.status();
    if (!result.ok()) break;
    chunks_.push_back(*chunk);
    messages.push_back(chunk->raw);
  }
  std::vector<ChunkId> ids(messages.size());
  HashChunks(messages, absl::MakeSpan(ids));
  size_t next = 0;  // of ids
  for (size_t i = 0; i < chunks_.size(); ++i) {
    if (chunks_[i].delta != nullptr || ids[next++] == chunks_[i].id) continue;
    chunks_.resize(i);
    return absl::DataLossError("the server sent a chunk whose contents are not what its id says");
  }
  return result;
}

absl::StatusOr<Download::VerifiedChunk> Download::Decode(const ReceivedData& data, size_t slot) {
  DRAY_ASSIGN_OR_RETURN(const DataFrame frame, ParseDataFrame(data.frame));
  MutableBytes scratch;
  if (frame.zstd) {
    if (scratch_.size() <= slot) scratch_.resize(slot + 1);
    if (scratch_[slot] == nullptr) scratch_[slot].reset(new uint8_t[kMaxChunkBytes]);
    scratch = {scratch_[slot].get(), kMaxChunkBytes};
  }
  DRAY_ASSIGN_OR_RETURN(const Bytes raw, RawChunk(frame, scratch));
  return VerifiedChunk{frame.id, raw};
}

}  // namespace dray
