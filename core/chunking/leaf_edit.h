#ifndef DRAY_CORE_CHUNKING_LEAF_EDIT_H_
#define DRAY_CORE_CHUNKING_LEAF_EDIT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/base/status.h"

namespace dray {

// A leaf told by what distinguishes it from old entries, of which the teller knows only short ids;
// docs/format/wire.md, "Short nodes". Two entries with the same short id may be confused: whoever
// applies an edit checks the id of what comes out.

// The first bytes of an id, by which an old entry is known.
inline constexpr size_t kShortIdBytes = 4;

struct LeafEdit {
  // Three numbers for each run: so many entries of `fresh`, so many old ones skipped, so many old
  // ones kept.
  std::vector<uint32_t> runs;
  std::string fresh;  // entries as they are encoded

  size_t size_bytes() const { return runs.size() + fresh.size(); }
};

// The short ids of entries, one after the other. REQUIRES: whole entries.
std::string ShortIds(std::string_view entries);

// How `encoding`, a leaf's, differs from the entries with these short ids. Kept entries stand in
// the order of both. REQUIRES: whole entries and ids.
LeafEdit MakeLeafEdit(std::string_view encoding, std::string_view short_ids);

// The encoding of a leaf made of `old_entries`; `fresh` and `runs` are what a LeafEdit has.
// INVALID_ARGUMENT for what no MakeLeafEdit makes of these old entries, too long a leaf included.
absl::StatusOr<std::string> ApplyLeafEdit(std::string_view old_entries,
                                          absl::Span<const uint32_t> runs, std::string_view fresh);

}  // namespace dray

#endif  // DRAY_CORE_CHUNKING_LEAF_EDIT_H_
