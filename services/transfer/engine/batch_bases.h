#ifndef DRAY_SERVICES_TRANSFER_ENGINE_BATCH_BASES_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_BATCH_BASES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "core/base/status.h"
#include "core/segment/segment_store.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/transfer/engine/batch.h"
#include "services/transfer/engine/chunk_base.h"
#include "services/transfer/engine/slab.h"

namespace dray::transfer {

// What the chunks that a batch lacks may be made of: as delta tells it, signed for the uploader, or
// used to make chunks of the deltas that came. Not thread-safe.
class BatchBases {
 public:
  // Both outlive this.
  BatchBases(SegmentStore* store, const Batch* batch) : store_(*store), batch_(*batch) {}

  // INTERNAL when the bases do not fit what the answer calls missing.
  absl::Status Take(size_t item, const delta::v1::CommitBatchResponse::Answer& answer);
  bool empty() const { return bases_.empty(); }
  void Clear() { bases_.clear(); }

  // The data frames of the chunks that the batch's deltas make, each once; what does not make the
  // chunk that it should is left out. Blocks on disk.
  std::vector<Slice> Rebuild() const;
  // Signs the bases of the items that came without deltas: a delta that was of no use is followed
  // by the whole chunk. Blocks on disk.
  void Sign(absl::Span<BatchAnswer> answers) const;

 private:
  struct ItemBase {
    size_t item = 0;
    uint32_t first = 0;             // of the item's missing chunks
    std::vector<uint32_t> indices;  // into the item's chunks
    std::shared_ptr<const ChunkBase> base;
  };

  size_t WantedBytes(const ItemBase& base) const;

  SegmentStore& store_;
  const Batch& batch_;
  std::vector<ItemBase> bases_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_BATCH_BASES_H_
