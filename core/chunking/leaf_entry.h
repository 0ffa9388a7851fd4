#ifndef DRAY_CORE_CHUNKING_LEAF_ENTRY_H_
#define DRAY_CORE_CHUNKING_LEAF_ENTRY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/ids.h"

namespace dray {

// Appends a chunk as a leaf's encoding and lists of chunks have it: its id, then its length.
// REQUIRES: an id of kDigestBytes.
inline void AppendLeafEntry(std::string_view id, uint32_t length_bytes, std::string* out) {
  uint8_t length[sizeof(length_bytes)];
  StoreBigEndian<uint32_t>(length, length_bytes);
  out->append(id).append(AsText(length));
}

}  // namespace dray

#endif  // DRAY_CORE_CHUNKING_LEAF_ENTRY_H_
