#include "client/delta_maker.h"

#include <utility>

namespace dray {
namespace {

constexpr size_t kClearlyShorter = 8;

}  // namespace

absl::StatusOr<std::optional<DeltaMaker::Delta>> DeltaMaker::Make(
    const std::shared_ptr<const wire::v1::PutBase>& base, Bytes chunk, int level) {
  DRAY_RETURN_IF_ERROR(Load(base));
  if (delta_ == nullptr) delta_.reset(new uint8_t[kMaxRawChunkBytes]);
  DRAY_ASSIGN_OR_RETURN(const size_t bytes,
                        signature_->MakeDelta(chunk, {delta_.get(), chunk.size()}));
  if (bytes == 0) return std::nullopt;
  encoder_.SetLevel(level);
  const DataFrame shrunk = encoder_.Encode(ChunkId(), Bytes(delta_.get(), bytes));
  return Delta{shrunk.body, shrunk.zstd ? shrunk.raw_bytes : 0};
}

bool DeltaMaker::ClearlyShorter(size_t delta_bytes, size_t chunk_bytes) {
  return delta_bytes * kClearlyShorter <= chunk_bytes;
}

absl::Status DeltaMaker::Load(const std::shared_ptr<const wire::v1::PutBase>& base) {
  if (base == base_ && signature_) return absl::OkStatus();
  absl::StatusOr<BlockSignature> loaded =
      BlockSignature::Load(base->block_bytes(), AsBytes(base->hashes()));
  if (!loaded.ok()) {
    return absl::InternalError(
        absl::StrCat("the server broke the protocol: ", loaded.status().message()));
  }
  signature_ = *std::move(loaded);
  base_ = base;
  return absl::OkStatus();
}

}  // namespace dray
