// A libFuzzer target: whatever DecodeNode() accepts is canonical, so encoding it again gives the
// same bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/base/bytes.h"
#include "core/chunking/node.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const dray::Bytes encoding(data, size);
  const absl::StatusOr<dray::Node> node = dray::DecodeNode(encoding);
  if (!node.ok()) return 0;
  if (dray::EncodeNode(*node) != dray::AsText(encoding)) std::abort();
  if (node->length_bytes() >> 63 != 0) std::abort();
  return 0;
}
