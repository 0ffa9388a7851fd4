#ifndef DRAY_SERVICES_DELTA_ENGINE_UPLOAD_H_
#define DRAY_SERVICES_DELTA_ENGINE_UPLOAD_H_

#include <memory>

#include "services/delta/catalog/catalog.h"
#include "services/delta/engine/commit.h"
#include "services/delta/engine/compare_session.h"

// The steps of an upload that write.
namespace dray::delta {

absl::Status AddNodes(CatalogTransaction& transaction, const PendingNodes& nodes);

// Adds a session's ready nodes to the catalog, without anybody waiting for it. Should it fail, they
// stay ready: the next flush, or the commit, adds them.
void FlushReadyNodes(Catalog& catalog, const std::shared_ptr<CompareSession>& session);

// The pending nodes that a commit of this root adds; none when the catalog has the root. ABORTED
// when it has not, and the session (null) is gone. FAILED_PRECONDITION when the session does not
// know the root either.
absl::StatusOr<PendingNodes> NodesToCommit(CatalogView& view, const CompareSession* session,
                                           const Root& root);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_UPLOAD_H_
