#ifndef DRAY_SERVICES_TRANSFER_ENGINE_BATCH_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_BATCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/status.h"
#include "dray/wire/v1/version.pb.h"
#include "services/transfer/engine/chunk_base.h"

namespace dray::transfer {

// Small files, folders and links that are uploaded together, and what is deleted with them.
struct Batch {
  struct Chunk {
    ChunkId id;
    uint32_t length_bytes = 0;
  };
  // Makes a chunk of the base that an answer has named for it.
  struct Delta {
    uint32_t index = 0;  // into the item's chunks
    std::string delta;
    uint32_t raw_bytes = 0;  // of a compressed delta, else 0
  };
  struct Item {
    std::string path;
    wire::v1::Metadata metadata;  // DELETED: what is at the path is to be deleted
    std::vector<Chunk> chunks;    // files only: in file order
    std::optional<wire::v1::Precondition> replaces;
    std::vector<Delta> deltas;  // ascending
  };
  std::vector<Item> items;
  std::string operation_id;
  std::string author;
  bool bases = false;  // the uploader makes deltas
};

struct BatchAnswer {
  // What the store has that may be like some of the missing chunks.
  struct Base {
    uint32_t first = 0;  // of `missing`
    uint32_t count = 0;
    Signature signature;
  };
  uint64_t version = 0;  // committed or unchanged
  bool unchanged = false;
  std::vector<uint32_t> missing;  // indices into the item's chunks
  std::vector<Base> bases;        // ascending
  absl::Status error;             // of this item alone
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_BATCH_H_
