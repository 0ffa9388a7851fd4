#include "core/framing/chunk_encoder.h"

#include <zstd.h>

#include <cassert>
#include <utility>

#include "core/base/clock.h"

namespace dray {
namespace {

// Less than this and zstd's own header eats the gain.
constexpr size_t kMinCompressibleBytes = 64;
// So many chunks in a row must not shrink before only samples are tried.
constexpr uint32_t kMissesBeforeSampling = 4;
constexpr size_t kSampleBytes = 4096;
// What shrinks only by repeats farther apart than a sample is found by trying each so many chunks
// whole.
constexpr uint32_t kWholeTrialInterval = 32;

// The longest result that saves enough: 1/32 is 3 %.
size_t PayingBytes(size_t raw_bytes) { return raw_bytes - raw_bytes / 32 - 1; }

}  // namespace

void ChunkEncoder::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

ChunkEncoder::ChunkEncoder()
    : context_(ZSTD_createCCtx()), scratch_(new uint8_t[kMaxRawChunkBytes]) {
  // Without a context everything goes raw.
  if (context_ != nullptr) ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level_);
}

ChunkEncoder::ChunkEncoder(ChunkEncoder&&) noexcept = default;
ChunkEncoder& ChunkEncoder::operator=(ChunkEncoder&&) noexcept = default;
ChunkEncoder::~ChunkEncoder() = default;

DataFrame ChunkEncoder::Encode(const ChunkId& id, Bytes raw) {
  assert(!raw.empty() && raw.size() <= kMaxRawChunkBytes);
  DataFrame frame{
      .id = id, .raw_bytes = static_cast<uint32_t>(raw.size()), .zstd = false, .body = raw};
  if (context_ == nullptr || raw.size() < kMinCompressibleBytes) return frame;
  const size_t compressed_bytes = WorthTrying(raw) ? Compress(raw) : 0;
  if (compressed_bytes == 0) {
    ++misses_;
    return frame;
  }
  misses_ = 0;
  frame.zstd = true;
  frame.body = Bytes(scratch_.get(), compressed_bytes);
  return frame;
}

void ChunkEncoder::SetLevel(int level) {
  if (level == level_ || context_ == nullptr) return;
  level_ = level;
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
}

bool ChunkEncoder::WorthTrying(Bytes raw) {
  if (misses_ < kMissesBeforeSampling || misses_ % kWholeTrialInterval == 0) return true;
  if (raw.size() <= 2 * kSampleBytes) return true;
  return Compress(raw.subspan((raw.size() - kSampleBytes) / 2, kSampleBytes)) > 0;
}

size_t ChunkEncoder::Compress(Bytes raw) {
  const absl::Time begun = SteadyNow();
  const size_t compressed_bytes = ZSTD_compress2(context_.get(), scratch_.get(),
                                                 PayingBytes(raw.size()), raw.data(), raw.size());
  spent_ += SteadyNow() - begun;
  return ZSTD_isError(compressed_bytes) ? 0 : compressed_bytes;
}

}  // namespace dray
