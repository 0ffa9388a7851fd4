// Nodes from any bytes: whatever DecodeNode() accepts is canonical, so encoding it again gives the
// same bytes.
#include <cstdlib>

#include "core/base/bytes.h"
#include "core/chunking/node.h"
#include "core/testing/fuzz_target.h"

namespace dray {
namespace {

// Entries that differ, of which none but the last may end a node.
Node NodeOf(int level, size_t count) {
  Node node{level, {}};
  for (size_t i = 0; i < count; ++i) {
    Entry entry{AnyDigest(), 1000 + i};
    for (size_t j = 0; j < kDigestBytes; ++j) entry.id.data()[j] = static_cast<uint8_t>(i + j);
    entry.id.data()[kDigestBytes - 1] |= 1;
    node.entries.push_back(entry);
  }
  return node;
}

}  // namespace

std::vector<std::string> FuzzCorpus() {
  std::vector<std::string> corpus = {EncodeNode(NodeOf(0, 0))};
  for (const int level : {0, 1, kMaxNodeLevel}) {
    for (const size_t count : {1, 2, 16, 17, 40})
      corpus.push_back(EncodeNode(NodeOf(level, count)));
  }
  return corpus;
}

}  // namespace dray

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const dray::Bytes encoding(data, size);
  const absl::StatusOr<dray::Node> node = dray::DecodeNode(encoding);
  if (!node.ok()) return 0;
  if (dray::EncodeNode(*node) != dray::AsText(encoding)) std::abort();
  if (node->length_bytes() >> 63 != 0) std::abort();
  return 0;
}
