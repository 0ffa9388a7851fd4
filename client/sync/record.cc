#include "client/sync/record.h"

#include <cstring>
#include <type_traits>

namespace dray {
namespace {

// What a record has beside its texts.
struct Fixed {
  SyncChange change;
  wire::v1::EntryKind kind;
  uint32_t mode;
  int64_t mtime_ns;
  uint64_t size_bytes;
  uint64_t version;
  FileState state;
  uint32_t name_bytes;
  uint32_t link_bytes;
  bool leftover;
  bool alone;
};
static_assert(std::is_trivially_copyable_v<Fixed>);

}  // namespace

std::string EncodeRecord(const SyncRecord& record) {
  const SyncEntry& entry = record.entry;
  Fixed fixed{};
  fixed.change = record.change;
  fixed.kind = entry.kind;
  fixed.mode = entry.mode;
  fixed.mtime_ns = entry.mtime_ns;
  fixed.size_bytes = entry.size_bytes;
  fixed.version = entry.version;
  fixed.state = entry.state;
  fixed.name_bytes = static_cast<uint32_t>(entry.name.size());
  fixed.link_bytes = static_cast<uint32_t>(entry.link.size());
  fixed.leftover = entry.leftover;
  fixed.alone = record.alone;
  std::string bytes(reinterpret_cast<const char*>(&fixed), sizeof(fixed));
  return bytes.append(entry.name).append(entry.link).append(entry.root);
}

SyncRecord DecodeRecord(std::string_view bytes) {
  Fixed fixed;
  std::memcpy(&fixed, bytes.data(), sizeof(fixed));
  bytes.remove_prefix(sizeof(fixed));
  SyncRecord record = {.change = fixed.change, .entry = {}, .alone = fixed.alone};
  SyncEntry& entry = record.entry;
  entry.name = bytes.substr(0, fixed.name_bytes);
  entry.link = bytes.substr(fixed.name_bytes, fixed.link_bytes);
  entry.root = bytes.substr(fixed.name_bytes + fixed.link_bytes);
  entry.kind = fixed.kind;
  entry.mode = fixed.mode;
  entry.mtime_ns = fixed.mtime_ns;
  entry.size_bytes = fixed.size_bytes;
  entry.version = fixed.version;
  entry.state = fixed.state;
  entry.leftover = fixed.leftover;
  return record;
}

}  // namespace dray
