#ifndef DRAY_SERVICES_TRANSFER_ENGINE_BATCH_UPLOAD_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_BATCH_UPLOAD_H_

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "core/base/status.h"
#include "services/transfer/engine/activity.h"
#include "services/transfer/engine/batch.h"
#include "services/transfer/engine/engine.h"
#include "services/transfer/engine/slab.h"

namespace dray::transfer {

// Checks the chunks in `run`, builds the files' trees, makes the chunks durable, and commits every
// item of which everything is known to delta, came along, or is made by a delta: one answer for
// each. A chunk that is not what it is called fails the items that have it. REQUIRES: the batch is
// within its limits. `connection` outlives the call.
boost::asio::awaitable<absl::StatusOr<std::vector<BatchAnswer>>> UploadBatch(
    const Engine* engine, const Activity::Connection* connection, Batch batch, DataRun run);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_BATCH_UPLOAD_H_
