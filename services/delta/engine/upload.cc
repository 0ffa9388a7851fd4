#include "services/delta/engine/upload.h"

#include "core/telemetry/logging.h"

namespace dray::delta {
namespace {

// Some 150 KiB of encodings, and some thousand counts, in one operation.
constexpr size_t kNodesInFlush = 64;

}  // namespace

absl::Status AddNodes(CatalogTransaction& transaction, const PendingNodes& nodes) {
  for (const auto& node : nodes) {
    DRAY_RETURN_IF_ERROR(transaction.AddNode(node->id, node->node, node->encoding));
  }
  return absl::OkStatus();
}

void FlushReadyNodes(Catalog& catalog, const std::shared_ptr<CompareSession>& session) {
  while (true) {
    const PendingNodes nodes = session->TakeReady(kNodesInFlush);
    if (nodes.empty()) return;
    catalog.Write([nodes](CatalogTransaction& transaction) { return AddNodes(transaction, nodes); },
                  [nodes, session](const absl::Status& status) {
                    if (status.ok()) return session->NodesAdded(nodes);
                    spdlog::warn("cannot add {} nodes yet: {}", nodes.size(),
                                 std::string(status.message()));
                    session->ReturnReady(nodes);
                  });
  }
}

absl::StatusOr<PendingNodes> NodesToCommit(CatalogView& view, const CompareSession* session,
                                           const Root& root) {
  // In this order: a node leaves the session only when the catalog has it, so what has left before
  // this note is found by the look-up after it.
  PendingNodes nodes = session == nullptr ? PendingNodes() : session->NodesBeneath(root);
  DRAY_ASSIGN_OR_RETURN(const auto known, view.FindNode(root));
  if (known) return PendingNodes();
  if (session == nullptr) {
    return absl::AbortedError(
        "the upload's session has ended before its commit; put the file again");
  }
  if (nodes.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "root ", root.hex(), " was never offered in this session; put the file again"));
  }
  return nodes;
}

}  // namespace dray::delta
