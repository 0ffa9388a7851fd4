#include "client/sync/sync_entry.h"

namespace dray {

wire::v1::Metadata MetadataOf(const SyncEntry& entry) {
  wire::v1::Metadata metadata;
  metadata.set_kind(entry.kind);
  metadata.set_mode(entry.mode);
  metadata.set_mtime_ns(entry.mtime_ns);
  if (entry.file()) metadata.set_size(entry.size_bytes);
  if (!entry.link.empty()) metadata.set_symlink_target(entry.link);
  return metadata;
}

}  // namespace dray
