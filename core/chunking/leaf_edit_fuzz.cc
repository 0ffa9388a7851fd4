// Edits of leaves from any bytes: what ApplyLeafEdit() accepts is a whole leaf of at most 256
// entries, and an edit that MakeLeafEdit() finds makes the leaf.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "core/base/bytes.h"
#include "core/chunking/leaf_edit.h"
#include "core/chunking/node.h"
#include "core/testing/fuzz_target.h"

namespace dray {
namespace {

constexpr size_t kOldEntries = 100;

std::string OldEntries() {
  std::string entries;
  for (size_t i = 0; i < kOldEntries; ++i) {
    entries.append(kLeafEntryBytes, static_cast<char>(i));
  }
  return entries;
}

}  // namespace

// One byte says how many numbers of runs follow, one byte each; the rest are fresh entries.
std::vector<std::string> FuzzCorpus() {
  return {std::string("\3\0\0\144", 4), std::string("\6\1\0\50\1\1\30", 7) + std::string(72, 'x'),
          std::string("\3\1\2\3", 4) + std::string(36, 'y'), std::string(1, '\0')};
}

}  // namespace dray

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t numbers = std::min<size_t>(data[0], size - 1);
  const std::vector<uint32_t> runs(data + 1, data + 1 + numbers);
  const std::string old_entries = dray::OldEntries();
  const auto leaf = dray::ApplyLeafEdit(old_entries, runs, input.substr(1 + numbers));
  if (!leaf.ok()) return 0;
  const size_t entries_bytes = leaf->size() - dray::kNodeHeadBytes;
  if (entries_bytes % dray::kLeafEntryBytes != 0) std::abort();
  if (entries_bytes / dray::kLeafEntryBytes > dray::kMaxNodeEntries) std::abort();
  const dray::LeafEdit edit = dray::MakeLeafEdit(*leaf, dray::ShortIds(old_entries));
  const auto made = dray::ApplyLeafEdit(old_entries, edit.runs, edit.fresh);
  if (!made.ok() || made->size() != leaf->size()) std::abort();
  return 0;
}
