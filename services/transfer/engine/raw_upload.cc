#include "services/transfer/engine/raw_upload.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include <utility>
#include <variant>

#include "core/base/random.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"
#include "services/transfer/engine/disk_pool.h"

namespace dray::transfer {
namespace {

using boost::asio::awaitable;

constexpr size_t kOperationIdBytes = 16;
// Frames that go to the disk together.
constexpr size_t kRunBytes = 1u << 20;

// Raw bytes that wait for delta, of all uploads.
std::atomic<int64_t>& AllWaitingBytes() {
  static std::atomic<int64_t> bytes{0};
  return bytes;
}

// Puts data frames one after the other into slabs.
class RunBuilder {
 public:
  void Add(const DataFrame& frame) {
    if (slab_ == nullptr || filled_ + frame.frame_bytes() > slab_->size()) {
      slab_ = Slab::Make(Slab::kLargeBytes);
      filled_ = 0;
    }
    uint8_t* const at = slab_->data() + filled_;
    WriteDataFrameHead(frame, at);
    std::memcpy(at + kDataFrameOverheadBytes, frame.body.data(), frame.body.size());
    filled_ += frame.frame_bytes();
    run_.Add(Slice{slab_, Bytes(at, frame.frame_bytes())});
  }
  size_t size_bytes() const { return run_.size_bytes(); }
  DataRun Take() { return std::exchange(run_, DataRun()); }

 private:
  std::shared_ptr<Slab> slab_;
  size_t filled_ = 0;
  DataRun run_;
};

absl::Status BrokenAnswer() {
  return absl::InternalError("delta answered what was not asked; the upload cannot go on");
}

}  // namespace

awaitable<absl::StatusOr<std::unique_ptr<RawUpload>>> RawUpload::Open(
    const Engine* engine, boost::asio::any_io_executor executor,
    const Activity::Connection* connection, std::string path, std::string author,
    uint64_t size_bytes) {
  UploadSession::Target target;
  target.path = std::move(path);
  target.operation_id = RandomBytes(kOperationIdBytes);
  target.author = std::move(author);
  target.size = size_bytes;
  auto session =
      co_await UploadSession::Open(engine, std::move(executor), connection, std::move(target));
  if (!session.ok()) co_return session.status();
  co_return std::unique_ptr<RawUpload>(new RawUpload(engine, *std::move(session)));
}

RawUpload::~RawUpload() {
  CountWaiting(-static_cast<int64_t>(waiting_bytes_));
  session_->Close(absl::CancelledError("broken off"));
}

MutableBytes RawUpload::room() {
  if (slab_ == nullptr) slab_ = Slab::Make(Slab::kLargeBytes);
  return MutableBytes(slab_->data() + filled_, slab_->size() - filled_);
}

awaitable<absl::Status> RawUpload::Added(size_t bytes) {
  filled_ += bytes;
  bytes_ += bytes;
  session_->transfer().Passed(bytes);
  if (filled_ < slab_->size()) co_return absl::OkStatus();
  co_return co_await Cut(/*last=*/false);
}

awaitable<absl::Status> RawUpload::Add(Bytes bytes) {
  while (!bytes.empty()) {
    const MutableBytes into = room();
    const size_t count = std::min(into.size(), bytes.size());
    std::memcpy(into.data(), bytes.data(), count);
    bytes.remove_prefix(count);
    const absl::Status status = co_await Added(count);
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

// Cuts what was added into chunks; what may grow into a longer chunk is kept unless it is the last.
awaitable<absl::Status> RawUpload::Cut(bool last) {
  if (filled_ == 0) co_return absl::OkStatus();
  const std::shared_ptr<Slab> slab = std::move(slab_);
  const Bytes all(slab->data(), std::exchange(filled_, 0));
  std::vector<Bytes> chunks;
  std::vector<ChunkId> ids;
  Bytes rest = all;
  auto job = [&] {
    while (rest.size() >= (last ? 1 : kMaxChunkBytes)) {
      chunks.push_back(rest.first(CutChunk(rest)));
      rest.remove_prefix(chunks.back().size());
    }
    ids.resize(chunks.size());
    HashChunks(chunks, absl::MakeSpan(ids));
  };
  co_await engine_->disk->Run(job);
  if (!rest.empty()) {
    std::memcpy(room().data(), rest.data(), rest.size());
    filled_ = rest.size();
  }
  for (size_t i = 0; i < chunks.size(); ++i) {
    waiting_.push_back(Chunk{ids[i], Slice{slab, chunks[i]}});
    CountWaiting(static_cast<int64_t>(chunks[i].size()));
    tree_.Add(ids[i], static_cast<uint32_t>(chunks[i].size()));
  }
  const absl::Status told = co_await TellNodes();
  if (!told.ok()) co_return told;
  co_return co_await KeepWithinLimits();
}

awaitable<absl::Status> RawUpload::TellNodes() {
  const std::vector<TreeBuilder::FinishedNode> nodes = std::exchange(nodes_, {});
  for (const TreeBuilder::FinishedNode& node : nodes) {
    const absl::Status status = co_await TellNode(node);
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

awaitable<absl::Status> RawUpload::TellNode(const TreeBuilder::FinishedNode& node) {
  const absl::StatusOr<UploadSession::Wanted> wanted = co_await Ask(node);
  if (!wanted.ok()) co_return wanted.status();
  if (node.node.level > 0) co_return absl::OkStatus();
  if (node.node.entries.size() > waiting_.size()) co_return BrokenAnswer();
  for (const uint32_t index : wanted->missing) {
    const absl::Status expected = session_->Expect(waiting_[index].id);
    if (!expected.ok()) co_return expected;
  }
  const absl::Status stored = co_await Store(wanted->missing);
  DropFirst(node.node.entries.size());
  co_return stored;
}

// Which chunks of a node delta lacks: none of one that it knows.
awaitable<absl::StatusOr<UploadSession::Wanted>> RawUpload::Ask(
    const TreeBuilder::FinishedNode& node) {
  const uint64_t ordinal = told_nodes_++;
  wire::v1::PutOffer offer;
  offer.set_node_ids(std::string(node.id.view()));
  absl::Status status = co_await session_->Offer(std::move(offer));
  if (!status.ok()) co_return status;
  auto answer = co_await session_->NextAnswer();
  if (!answer.ok()) co_return answer.status();
  const auto* known = std::get_if<UploadSession::Known>(&*answer);
  if (known == nullptr || known->answered != ordinal + 1) co_return BrokenAnswer();
  if (known->unknown.empty()) co_return UploadSession::Wanted{};
  wire::v1::PutNode entries;
  entries.set_ordinal(ordinal);
  entries.set_encoding(node.encoding);
  status = co_await session_->AddNode(std::move(entries));
  if (!status.ok()) co_return status;
  answer = co_await session_->NextAnswer();
  if (!answer.ok()) co_return answer.status();
  auto* wanted = std::get_if<UploadSession::Wanted>(&*answer);
  if (wanted == nullptr) co_return BrokenAnswer();
  co_return std::move(*wanted);
}

awaitable<absl::Status> RawUpload::Store(const std::vector<uint32_t>& indices) {
  RunBuilder run;
  size_t next = 0;
  while (next < indices.size()) {
    auto job = [&] {
      for (; next < indices.size() && run.size_bytes() < kRunBytes; ++next) {
        Chunk& chunk = waiting_[indices[next]];
        if (!chunk.raw.bytes.empty()) run.Add(encoder_.Encode(chunk.id, chunk.raw.bytes));
      }
    };
    co_await engine_->disk->Run(job);
    if (run.size_bytes() == 0) break;
    const absl::Status status = co_await session_->Store(run.Take());
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

void RawUpload::DropFirst(size_t chunks) {
  for (; chunks > 0; --chunks) {
    CountWaiting(-static_cast<int64_t>(waiting_.front().raw.bytes.size()));
    waiting_.pop_front();
  }
}

void RawUpload::CountWaiting(int64_t change) {
  waiting_bytes_ = static_cast<uint64_t>(static_cast<int64_t>(waiting_bytes_) + change);
  AllWaitingBytes().fetch_add(change, std::memory_order_relaxed);
}

awaitable<absl::Status> RawUpload::KeepWithinLimits() {
  const bool full =
      AllWaitingBytes().load(std::memory_order_relaxed) > static_cast<int64_t>(kMaxAllWaitingBytes);
  if (waiting_bytes_ <= (full ? kMaxWaitingBytesWhenFull : kMaxWaitingBytes)) {
    co_return absl::OkStatus();
  }
  std::vector<uint32_t> all(waiting_.size());
  std::iota(all.begin(), all.end(), 0);
  const absl::Status status = co_await Store(all);
  for (Chunk& chunk : waiting_) chunk.raw = Slice();
  CountWaiting(-static_cast<int64_t>(waiting_bytes_));
  co_return status;
}

awaitable<absl::StatusOr<delta::v1::CommitResponse>> RawUpload::Commit(
    wire::v1::Metadata metadata) {
  absl::Status status = co_await Cut(/*last=*/true);
  if (!status.ok()) co_return status;
  const Root root = tree_.Finish();
  status = co_await TellNodes();
  if (!status.ok()) co_return status;
  metadata.set_size(bytes_);
  co_return co_await session_->Commit(std::string(root.view()), std::move(metadata));
}

}  // namespace dray::transfer
