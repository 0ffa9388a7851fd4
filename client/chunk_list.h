#ifndef DRAY_CLIENT_CHUNK_LIST_H_
#define DRAY_CLIENT_CHUNK_LIST_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "client/connection.h"
#include "client/incoming_file.h"
#include "client/local_chunks.h"
#include "core/base/ids.h"
#include "core/base/status.h"

namespace dray {

// A local file in which chunks of a remote one may be found. Owned by somebody else.
struct LocalSource {
  int fd = -1;
  const LocalChunks* chunks = nullptr;
};

// A chunk of a remote file.
struct FileChunk {
  ChunkId id;
  uint64_t offset_bytes = 0;
  uint32_t length_bytes = 0;
};

// Asks which chunks `file` has, in order. A server that knows of nodes is asked only for those that
// no source has, level by level; another one tells the whole list. What is returned is proven to be
// the version's list; DATA_LOSS, naming the file, for what cannot be. Memory: as many chunks as
// the file's size allows.
absl::StatusOr<std::vector<FileChunk>> ReceiveChunkList(
    const std::shared_ptr<Connection>& connection, const RemoteFile& file,
    absl::Span<const LocalSource> sources);

}  // namespace dray

#endif  // DRAY_CLIENT_CHUNK_LIST_H_
