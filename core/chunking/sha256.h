#ifndef DRAY_CORE_CHUNKING_SHA256_H_
#define DRAY_CORE_CHUNKING_SHA256_H_

#include "core/base/bytes.h"
#include "core/base/ids.h"

namespace dray {

// SHA-256 of one message. Thread-safe.
AnyDigest Sha256(Bytes message);

// SHA-256 of independent messages: ids[i] is that of messages[i]. With the SHA extensions three are
// hashed at a time on one core, because one stream is bound by the instruction's latency; elsewhere
// OpenSSL hashes one after the other. Messages of like lengths gain most. REQUIRES: ids.size() ==
// messages.size(). Thread-safe.
void HashChunks(absl::Span<const Bytes> messages, absl::Span<ChunkId> ids);

}  // namespace dray

#endif  // DRAY_CORE_CHUNKING_SHA256_H_
