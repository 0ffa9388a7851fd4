#ifndef DRAY_SERVICES_TRANSFER_ENGINE_BATCH_UPLOAD_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_BATCH_UPLOAD_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/status.h"
#include "dray/wire/v1/version.pb.h"
#include "services/transfer/engine/activity.h"
#include "services/transfer/engine/engine.h"
#include "services/transfer/engine/slab.h"

namespace dray::transfer {

// Small files, folders and links that are uploaded together, and what is deleted with them.
struct Batch {
  struct Chunk {
    ChunkId id;
    uint32_t length_bytes = 0;
  };
  struct Item {
    std::string path;
    wire::v1::Metadata metadata;  // DELETED: what is at the path is to be deleted
    std::vector<Chunk> chunks;    // files only: in file order
    std::optional<wire::v1::Precondition> replaces;
  };
  std::vector<Item> items;
  std::string operation_id;
  std::string author;
};

struct BatchAnswer {
  uint64_t version = 0;  // committed or unchanged
  bool unchanged = false;
  std::vector<uint32_t> missing;  // indices into the item's chunks
  absl::Status error;             // of this item alone
};

// Checks the chunks in `run`, builds the files' trees, makes the chunks durable, and commits every
// item of which everything is known to delta or came along: one answer for each. A chunk that is
// not what it is called fails the items that have it. REQUIRES: the batch is within its limits.
// `connection` outlives the call.
boost::asio::awaitable<absl::StatusOr<std::vector<BatchAnswer>>> UploadBatch(
    const Engine* engine, const Activity::Connection* connection, Batch batch, DataRun run);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_BATCH_UPLOAD_H_
