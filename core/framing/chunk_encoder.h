#ifndef DRAY_CORE_FRAMING_CHUNK_ENCODER_H_
#define DRAY_CORE_FRAMING_CHUNK_ENCODER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/framing/data_frame.h"

struct ZSTD_CCtx_s;

namespace dray {

// Makes data frames of chunks, compressed where that pays. Chunks of one file, or of one folder,
// are much alike: after several that did not shrink, only a small sample of each is tried, and now
// and then a whole one, so that incompressible data costs almost nothing; one that shrinks again
// ends that. Not thread-safe: each thread, or each stream, has its own.
class ChunkEncoder {
 public:
  ChunkEncoder();
  ChunkEncoder(ChunkEncoder&&) noexcept;
  ChunkEncoder& operator=(ChunkEncoder&&) noexcept;
  ~ChunkEncoder();

  // The frame's body is either `raw` itself, or memory of this encoder that is good until the next
  // call. A zstd body is at least 3 % shorter than `raw`. REQUIRES: 1 to kMaxRawChunkBytes bytes.
  DataFrame Encode(const ChunkId& id, Bytes raw);

  // zstd's level from now on; the lowest at first.
  void SetLevel(int level);
  int level() const { return level_; }
  // How long compressing has taken in all.
  absl::Duration spent() const { return spent_; }

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };

  bool WorthTrying(Bytes raw);
  // Compresses `raw` into scratch_; 0 when it does not save enough.
  size_t Compress(Bytes raw);

  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
  std::unique_ptr<uint8_t[]> scratch_;  // for a body that pays: kMaxRawChunkBytes
  uint32_t misses_ = 0;                 // chunks in a row that did not shrink
  int level_ = 1;
  absl::Duration spent_;
};

}  // namespace dray

#endif  // DRAY_CORE_FRAMING_CHUNK_ENCODER_H_
