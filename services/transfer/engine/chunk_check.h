#ifndef DRAY_SERVICES_TRANSFER_ENGINE_CHUNK_CHECK_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_CHUNK_CHECK_H_

#include <vector>

#include "core/base/status.h"
#include "core/framing/data_frame.h"
#include "services/transfer/engine/slab.h"

namespace dray::transfer {

// One frame of a run, and whether it is what it says.
struct CheckedChunk {
  DataFrame frame;  // points into the run's slabs
  Slice whole;
  bool good = false;  // the raw chunk is the one that the id names
};

// Parses a run's frames, checksums included (an error is of the first frame that is malformed or
// damaged), expands them and compares each with its id. In the order of the run. Takes long: not
// for an event loop. Thread-safe.
absl::StatusOr<std::vector<CheckedChunk>> CheckChunks(const DataRun& run);

// ABORTED: of a chunk that is not good.
absl::Status DiffersFromItsId(const ChunkId& id);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_CHUNK_CHECK_H_
