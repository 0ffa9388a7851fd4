#ifndef DRAY_SERVICES_TRANSFER_ADMIN_CHUNK_VERIFIER_H_
#define DRAY_SERVICES_TRANSFER_ADMIN_CHUNK_VERIFIER_H_

#include <vector>

#include "core/base/status.h"
#include "core/segment/segment_store.h"

namespace dray::transfer {

// Reads single records back and compares them with what the catalog says of them. Keeps the bytes
// of one record. Not thread-safe; blocks on disk. The store must outlive it.
class ChunkVerifier {
 public:
  explicit ChunkVerifier(SegmentStore* store) : store_(store) {}

  // OK when the record at that place is whole, and its raw bytes have that id and length.
  // NOT_FOUND: no such segment. DATA_LOSS: anything else.
  absl::Status Verify(const ScannedRecord& record);

 private:
  SegmentStore* const store_;
  std::vector<uint8_t> stored_;
  std::vector<uint8_t> raw_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ADMIN_CHUNK_VERIFIER_H_
