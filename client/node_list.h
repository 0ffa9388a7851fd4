#ifndef DRAY_CLIENT_NODE_LIST_H_
#define DRAY_CLIENT_NODE_LIST_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/types/span.h"
#include "client/chunk_list.h"
#include "client/connection.h"
#include "client/incoming_file.h"
#include "core/base/status.h"

namespace dray {

// Walks the tree of a remote file: nodes that a source has are not asked for, others are, level by
// level, as differences to what the sources have at the same place. Hands on the file's chunks in
// order; stops at the first error of `on_chunk`. Every node is what its id says, as long as its
// parent says. REQUIRES: the connection has the feature NODES.
absl::Status VisitRemoteChunks(
    const std::shared_ptr<Connection>& connection, const RemoteFile& file,
    absl::Span<const LocalSource> sources,
    const std::function<absl::Status(const ChunkId& id, uint64_t length_bytes)>& on_chunk);

}  // namespace dray

#endif  // DRAY_CLIENT_NODE_LIST_H_
