#include "services/transfer/engine/block_upload.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/time/clock.h"
#include "core/base/path.h"
#include "core/chunking/sha256.h"
#include "services/transfer/engine/disk_pool.h"

namespace dray::transfer {
namespace {

using boost::asio::awaitable;

// protos/dray/delta/v1/delta.proto, CompareBlocksRequest.
constexpr size_t kPieceBytes = 4096 * kDigestBytes;

absl::Status BrokenAnswer() {
  return absl::InternalError("delta answered what was not asked; the upload cannot go on");
}

// Hashes of a file's blocks, from its bytes in order.
class BlockHasher {
 public:
  explicit BlockHasher(uint32_t block_bytes) : block_bytes_(block_bytes) {}

  // Appends the hashes of the blocks that are whole now.
  void Add(Bytes bytes, std::string* hashes) {
    if (!rest_.empty()) {
      const size_t take = std::min(bytes.size(), block_bytes_ - rest_.size());
      rest_.append(AsText(bytes.first(take)));
      bytes.remove_prefix(take);
      if (rest_.size() < block_bytes_) return;
      hashes->append(Sha256(AsBytes(rest_)).view());
      rest_.clear();
    }
    std::vector<Bytes> blocks;
    for (; bytes.size() >= block_bytes_; bytes.remove_prefix(block_bytes_)) {
      blocks.push_back(bytes.first(block_bytes_));
    }
    std::vector<ChunkId> ids(blocks.size());
    HashChunks(blocks, absl::MakeSpan(ids));
    for (const ChunkId& id : ids) hashes->append(id.view());
    rest_ = std::string(AsText(bytes));
  }
  void Finish(std::string* hashes) {
    if (!rest_.empty()) hashes->append(Sha256(AsBytes(rest_)).view());
  }

 private:
  const size_t block_bytes_;
  std::string rest_;
};

}  // namespace

BlockUpload::BlockUpload(const Engine* engine, boost::asio::any_io_executor executor,
                         const Activity::Connection* connection, Target target)
    : engine_(engine),
      executor_(std::move(executor)),
      connection_(connection),
      target_(std::move(target)),
      sha256_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(sha256_.get(), EVP_sha256(), nullptr);
}

awaitable<absl::StatusOr<std::unique_ptr<BlockUpload>>> BlockUpload::Open(
    const Engine* engine, boost::asio::any_io_executor executor,
    const Activity::Connection* connection, Target target) {
  std::unique_ptr<BlockUpload> upload(
      new BlockUpload(engine, std::move(executor), connection, std::move(target)));
  const absl::Status status = co_await upload->Begin();
  if (!status.ok()) co_return status;
  co_return upload;
}

awaitable<absl::StatusOr<delta::v1::CompareBlocksResponse>> BlockUpload::Exchange(
    const delta::v1::CompareBlocksRequest& request) {
  // When the stream is broken, the reading tells why.
  (co_await stream_->Write(request)).IgnoreError();
  delta::v1::CompareBlocksResponse response;
  const absl::StatusOr<bool> answered = co_await stream_->Read(&response);
  if (!answered.ok()) co_return answered.status();
  if (!*answered) co_return BrokenAnswer();
  co_return response;
}

awaitable<absl::Status> BlockUpload::Begin() {
  stream_ = engine_->delta->CompareBlocks(connection_->info().id);
  delta::v1::CompareBlocksRequest request;
  request.mutable_open()->set_path(target_.path);
  request.mutable_open()->set_block_bytes(target_.block_bytes);
  const auto response = co_await Exchange(request);
  if (!response.ok()) co_return response.status();
  if (!response->has_opened()) co_return BrokenAnswer();
  const wire::v1::Version& version = response->opened().version();
  auto base = co_await FileReader::Open(engine_, version.path(), version.number(), 0,
                                        connection_->info().id);
  if (!base.ok()) co_return base.status();
  base_ = *std::move(base);
  if (!response->opened().list_needed()) co_return absl::OkStatus();
  co_return co_await TellOwnList();
}

// Reads the stored version, and tells delta the hashes of its blocks.
awaitable<absl::Status> BlockUpload::TellOwnList() {
  auto reader = co_await FileReader::Open(engine_, target_.path, base_->version().number(), 0,
                                          connection_->info().id);
  if (!reader.ok()) co_return reader.status();
  BlockHasher hasher(target_.block_bytes);
  std::string hashes;
  absl::StatusOr<Slice> bytes = Slice();
  do {
    bytes = co_await (*reader)->Next();
    if (!bytes.ok()) co_return bytes.status();
    auto add = [&] {
      hasher.Add(bytes->bytes, &hashes);
      if (bytes->bytes.empty()) hasher.Finish(&hashes);
    };
    co_await engine_->disk->Run(add);
    while (hashes.size() > kPieceBytes) {
      const absl::Status told = co_await TellOwnPiece(hashes.substr(0, kPieceBytes), false);
      if (!told.ok()) co_return told;
      hashes.erase(0, kPieceBytes);
    }
  } while (!bytes->bytes.empty());
  co_return co_await TellOwnPiece(std::move(hashes), true);
}

awaitable<absl::Status> BlockUpload::TellOwnPiece(std::string hashes, bool last) {
  delta::v1::CompareBlocksRequest request;
  request.mutable_stored()->set_hashes(std::move(hashes));
  request.mutable_stored()->set_last(last);
  const auto response = co_await Exchange(request);
  if (!response.ok()) co_return response.status();
  if (!response->has_kept()) co_return BrokenAnswer();
  co_return absl::OkStatus();
}

awaitable<absl::Status> BlockUpload::AddHashes(std::string_view hashes) {
  blocks_ += hashes.size() / kDigestBytes;
  if (blocks_ > target_.max_blocks) {
    co_return absl::ResourceExhaustedError(
        absl::StrCat("more than ", target_.max_blocks, " blocks; upload the file whole"));
  }
  while (!hashes.empty()) {
    const size_t take = std::min(hashes.size(), kPieceBytes - piece_.size());
    piece_.append(hashes.substr(0, take));
    hashes.remove_prefix(take);
    if (piece_.size() < kPieceBytes) break;
    const absl::Status status = co_await ComparePiece();
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

awaitable<absl::Status> BlockUpload::EndHashes() {
  if (!piece_.empty()) {
    const absl::Status status = co_await ComparePiece();
    if (!status.ok()) co_return status;
  }
  stream_.reset();
  co_return absl::OkStatus();
}

awaitable<absl::Status> BlockUpload::ComparePiece() {
  delta::v1::CompareBlocksRequest request;
  request.set_hashes(std::exchange(piece_, {}));
  const auto response = co_await Exchange(request);
  if (!response.ok()) co_return response.status();
  if (!response->has_missing()) co_return BrokenAnswer();
  for (const uint64_t block : response->missing().blocks()) {
    if (block >= target_.max_blocks) co_return BrokenAnswer();
    missing_.push_back(static_cast<uint32_t>(block));
  }
  co_return absl::OkStatus();
}

awaitable<absl::Status> BlockUpload::OpenOutput() {
  if (output_ != nullptr) co_return absl::OkStatus();
  auto output = co_await RawUpload::Open(engine_, executor_, connection_, target_.path,
                                         target_.author, blocks_ * target_.block_bytes);
  if (!output.ok()) co_return output.status();
  output_ = *std::move(output);
  co_return absl::OkStatus();
}

awaitable<absl::StatusOr<Bytes>> BlockUpload::PeekBase(uint64_t end) {
  if (base_piece_.bytes.empty()) {
    auto piece = co_await base_->Next();
    if (!piece.ok()) co_return piece.status();
    base_piece_ = *std::move(piece);
  }
  co_return base_piece_.bytes.first(
      std::min<uint64_t>(base_piece_.bytes.size(), end - base_offset_));
}

awaitable<absl::Status> BlockUpload::CopyBase(uint64_t end_block) {
  const uint64_t end = end_block * target_.block_bytes;
  // Missing blocks were skipped by the bytes that came for them.
  while (base_offset_ < output_->bytes()) {
    const auto skipped = co_await PeekBase(output_->bytes());
    if (!skipped.ok()) co_return skipped.status();
    if (skipped->empty()) break;
    base_offset_ += skipped->size();
    base_piece_.bytes.remove_prefix(skipped->size());
  }
  while (base_offset_ < end && base_offset_ == output_->bytes()) {
    const auto bytes = co_await PeekBase(end);
    if (!bytes.ok()) co_return bytes.status();
    if (bytes->empty()) break;
    auto hash = [&] { EVP_DigestUpdate(sha256_.get(), bytes->data(), bytes->size()); };
    co_await engine_->disk->Run(hash);
    const absl::Status added = co_await output_->Add(*bytes);
    if (!added.ok()) co_return added;
    base_offset_ += bytes->size();
    base_piece_.bytes.remove_prefix(bytes->size());
  }
  co_return absl::OkStatus();
}

awaitable<absl::Status> BlockUpload::AddBlock(uint64_t index, Bytes data) {
  if (next_missing_ == missing_.size() || missing_[next_missing_] != index) {
    co_return absl::InvalidArgumentError(
        absl::StrCat("block ", index, " came, which was not the next one to be sent"));
  }
  const bool last = index + 1 == blocks_;
  if (data.empty() || data.size() > target_.block_bytes ||
      (!last && data.size() < target_.block_bytes)) {
    co_return absl::InvalidArgumentError(
        absl::StrCat("block ", index, " has ", data.size(), " bytes"));
  }
  ++next_missing_;
  absl::Status status = co_await OpenOutput();
  if (status.ok()) status = co_await CopyBase(index);
  if (!status.ok()) co_return status;
  EVP_DigestUpdate(sha256_.get(), data.data(), data.size());
  co_return co_await output_->Add(data);
}

awaitable<absl::Status> BlockUpload::Finish(const AnyDigest& file_hash) {
  absl::Status status = co_await OpenOutput();
  // A last block that was sent ends the file, however long the base is.
  const bool last_sent = !missing_.empty() && missing_.back() + 1 == blocks_;
  if (status.ok() && !last_sent) status = co_await CopyBase(blocks_);
  if (!status.ok()) co_return status;
  AnyDigest hash;
  EVP_DigestFinal_ex(sha256_.get(), hash.data(), nullptr);
  if (next_missing_ < missing_.size() || hash != file_hash) {
    status = absl::DataLossError("the blocks do not make the file with the hash that was told");
    output_->Fail(status);
    co_return status;
  }
  // What is as it was is no new version, unless another came meanwhile.
  wire::v1::Metadata metadata = base_->version().metadata();
  if (!missing_.empty() || output_->bytes() != base_->size()) {
    metadata.set_mtime_ns(absl::GetCurrentTimeNanos());
  }
  const auto committed = co_await output_->Commit(std::move(metadata));
  co_return committed.status();
}

}  // namespace dray::transfer
