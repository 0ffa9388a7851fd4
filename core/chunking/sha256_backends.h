#ifndef DRAY_CORE_CHUNKING_SHA256_BACKENDS_H_
#define DRAY_CORE_CHUNKING_SHA256_BACKENDS_H_

#include "core/base/bytes.h"
#include "core/base/ids.h"

// The two ways sha256.h can go, each by itself for tests and measurements; everybody else uses
// sha256.h.
namespace dray::internal {

// OpenSSL, on any CPU. Thread-safe.
AnyDigest Sha256WithOpenSsl(Bytes message);

// Whether this CPU (and compiler) has what the functions below need.
bool HasShaExtensions();

// The x86 SHA extensions. REQUIRES: HasShaExtensions(). Thread-safe.
AnyDigest Sha256WithShaExtensions(Bytes message);
// As HashChunks() of sha256.h.
void HashChunksWithShaExtensions(absl::Span<const Bytes> messages, absl::Span<ChunkId> ids);

}  // namespace dray::internal

#endif  // DRAY_CORE_CHUNKING_SHA256_BACKENDS_H_
