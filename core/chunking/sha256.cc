#include "core/chunking/sha256.h"

#include <cassert>

#include "core/chunking/sha256_backends.h"

namespace dray {

AnyDigest Sha256(Bytes message) {
  if (internal::HasShaExtensions()) return internal::Sha256WithShaExtensions(message);
  return internal::Sha256WithOpenSsl(message);
}

void HashChunks(absl::Span<const Bytes> messages, absl::Span<ChunkId> ids) {
  assert(messages.size() == ids.size());
  if (internal::HasShaExtensions()) {
    internal::HashChunksWithShaExtensions(messages, ids);
    return;
  }
  for (size_t i = 0; i < messages.size(); ++i) {
    ids[i] = internal::Sha256WithOpenSsl(messages[i]).As<ChunkTag>();
  }
}

}  // namespace dray
