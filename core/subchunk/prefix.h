#ifndef DRAY_CORE_SUBCHUNK_PREFIX_H_
#define DRAY_CORE_SUBCHUNK_PREFIX_H_

#include <cstddef>

#include "core/base/bytes.h"
#include "core/base/status.h"

namespace dray {

// zstd frames against a prefix: bytes that both sides hold, and that what is sent may repeat. With
// a base that both sides hold that is a delta, without any signature: docs/format/wire.md, "Bases
// of downloads".

// The longest prefix, and the longest that a frame may expand to.
inline constexpr size_t kMaxPrefixBytes = 1u << 20;

// Writes the frame that expands to `raw` with `prefix` before it to `out`; returns its length, or 0
// when it does not fit. REQUIRES: 1 to kMaxPrefixBytes of `raw`, at most
// kMaxPrefixBytes of `prefix`, and the two do not overlap. Thread-safe; a thread that uses it
// keeps some 2 MiB.
size_t CompressWithPrefix(Bytes raw, Bytes prefix, int level, MutableBytes out);

// Fills `out` with what `frame` expands to. INVALID_ARGUMENT when that is not exactly one zstd
// frame, or expands to another number of bytes. Whether they are the right ones, an id tells. Never
// writes more than out.size() bytes. Thread-safe.
absl::Status ExpandWithPrefix(Bytes frame, Bytes prefix, MutableBytes out);

}  // namespace dray

#endif  // DRAY_CORE_SUBCHUNK_PREFIX_H_
