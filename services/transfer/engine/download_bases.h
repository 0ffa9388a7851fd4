#ifndef DRAY_SERVICES_TRANSFER_ENGINE_DOWNLOAD_BASES_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_DOWNLOAD_BASES_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/base/leases.h"
#include "core/base/status.h"
#include "core/segment/segment_store.h"
#include "core/subchunk/signature.h"
#include "services/transfer/engine/chunk_base.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/engine.h"
#include "services/transfer/engine/segment_run.h"

namespace dray::transfer {

// What a client has that may be like some of the chunks that it asks for: by the ids of chunks, or
// by a signature.
struct OfferedBase {
  uint32_t first = 0;  // of the chunks asked for
  uint32_t count = 0;
  std::string chunk_ids;  // 32 bytes each; empty: a signature
  uint32_t block_bytes = 0;
  std::string hashes;
  std::optional<ChunkBase> base;  // where the chunks lie, when they are known
  // Of an item's old copy: which of its chunks those are. A count of 0: of another kind.
  size_t item = 0;
  uint32_t old_first = 0;
  uint32_t old_count = 0;
};

// What a chunk is sent as.
struct ChunkAnswer {
  std::string record;  // the data frame as it lies; empty: the delta
  std::string delta;
  uint32_t delta_raw_bytes = 0;  // of a compressed librsync delta, else 0
};

// The bases of one download. Chunks are looked up, and answers made, in ascending order. Not
// thread-safe.
class DownloadBases {
 public:
  // Chunks that bases may name, all together.
  static constexpr size_t kMaxIds = 8192;

  // INVALID_ARGUMENT for places that overlap, ids that are none, or too many of them.
  static absl::StatusOr<std::unique_ptr<DownloadBases>> Make(std::vector<OfferedBase> bases);

  // Asks delta where the named chunks lie. A base of which one is not known, or that is too long,
  // is unknown; so are all when delta cannot tell.
  boost::asio::awaitable<void> Find(const Engine* engine, std::string_view connection_id);
  // Their indices, ascending.
  const std::vector<uint32_t>& unknown() const { return unknown_; }

  // What stands for the chunk asked for as the `index`th: null, it is sent as it lies.
  const OfferedBase* For(uint64_t index);
  static bool IsUnknown(const OfferedBase& base) {
    return !base.chunk_ids.empty() && !base.base.has_value();
  }

  // Makes the answer for one chunk, whose base For() has told: whichever is shorter. DATA_LOSS when
  // the chunk's record cannot be read, INVALID_ARGUMENT for a signature that cannot be. `level`:
  // zstd's, or a higher one where that finds more of the base. Blocks.
  absl::StatusOr<ChunkAnswer> Answer(SegmentStore& store, const SegmentRun& record, int level);

 private:
  Leases::Lease lease_;  // on the chunks found
  explicit DownloadBases(std::vector<OfferedBase> bases) : bases_(std::move(bases)) {}
  // Fills in the delta; leaves it empty when there is none shorter than `most_bytes`.
  absl::Status MakeDelta(SegmentStore& store, const OfferedBase& base, Bytes raw, size_t most_bytes,
                         int level, ChunkAnswer* answer);
  absl::Status MakeSignatureDelta(Bytes raw, MutableBytes out, int level, ChunkAnswer* answer);
  absl::Status Load(SegmentStore& store, const OfferedBase& base);

  std::vector<OfferedBase> bases_;
  std::vector<uint32_t> unknown_;
  size_t next_ = 0;  // of bases_, for For()
  // Of the base used last: neighbours share it.
  const OfferedBase* loaded_ = nullptr;
  std::unique_ptr<uint8_t[]> bytes_;
  std::optional<BlockSignature> signature_;
  // Chunks in a row for which a base was of no use.
  size_t misses_ = 0;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_DOWNLOAD_BASES_H_
