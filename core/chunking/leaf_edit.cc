#include "core/chunking/leaf_edit.h"

#include "core/chunking/node.h"

namespace dray {
namespace {

constexpr size_t kNumbersOfRun = 3;

// The head of a leaf of this many entries.
std::string LeafHead(size_t count) {
  std::string head = EncodeNode(Node());
  head[kNodeHeadBytes - 2] = static_cast<char>(count >> 8);
  head[kNodeHeadBytes - 1] = static_cast<char>(count);
  return head;
}

}  // namespace

std::string ShortIds(std::string_view entries) {
  std::string ids;
  ids.reserve(entries.size() / kLeafEntryBytes * kShortIdBytes);
  for (; !entries.empty(); entries.remove_prefix(kLeafEntryBytes)) {
    ids.append(entries.substr(0, kShortIdBytes));
  }
  return ids;
}

LeafEdit MakeLeafEdit(std::string_view encoding, std::string_view short_ids) {
  const size_t old_count = short_ids.size() / kShortIdBytes;
  const auto find_from = [&](size_t from, std::string_view id) {
    while (from < old_count && short_ids.substr(from * kShortIdBytes, kShortIdBytes) != id) ++from;
    return from;
  };
  LeafEdit edit;
  uint32_t fresh = 0, skipped = 0, kept = 0;
  const auto end_run = [&] {
    if (fresh + kept > 0) edit.runs.insert(edit.runs.end(), {fresh, skipped, kept});
    fresh = skipped = kept = 0;
  };
  size_t next = 0;  // old entry
  for (std::string_view rest = encoding.substr(kNodeHeadBytes); !rest.empty();
       rest.remove_prefix(kLeafEntryBytes)) {
    const size_t found = find_from(next, rest.substr(0, kShortIdBytes));
    if (found == old_count) {
      if (kept > 0) end_run();
      edit.fresh.append(rest.substr(0, kLeafEntryBytes));
      ++fresh;
      continue;
    }
    if (found != next && kept > 0) end_run();
    skipped += static_cast<uint32_t>(found - next);
    ++kept;
    next = found + 1;
  }
  end_run();
  return edit;
}

absl::StatusOr<std::string> ApplyLeafEdit(std::string_view old_entries,
                                          absl::Span<const uint32_t> runs, std::string_view fresh) {
  const auto wrong = [](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("an edit of a leaf ", what));
  };
  if (runs.size() % kNumbersOfRun != 0) return wrong("that breaks off in a run");
  if (fresh.size() % kLeafEntryBytes != 0) return wrong("with a part of an entry");
  size_t count = 0;
  std::string entries;
  // Takes `number` entries off the front of `from`, and adds them unless they are skipped.
  const auto take = [&](std::string_view* from, uint32_t number, bool add) {
    const size_t bytes = size_t{number} * kLeafEntryBytes;
    if (bytes > from->size() || (add && (count += number) > kMaxNodeEntries)) return false;
    if (add) entries.append(from->substr(0, bytes));
    from->remove_prefix(bytes);
    return true;
  };
  for (; !runs.empty(); runs.remove_prefix(kNumbersOfRun)) {
    if (!take(&fresh, runs[0], true)) return wrong("with more new entries than it has, or 256");
    if (!take(&old_entries, runs[1], false) || !take(&old_entries, runs[2], true)) {
      return wrong("with more old entries than there are, or 256");
    }
  }
  if (!fresh.empty()) return wrong("with entries that no run takes");
  return LeafHead(count) + entries;
}

}  // namespace dray
