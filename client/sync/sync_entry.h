#ifndef DRAY_CLIENT_SYNC_SYNC_ENTRY_H_
#define DRAY_CLIENT_SYNC_SYNC_ENTRY_H_

#include <cstdint>
#include <optional>
#include <string>

#include "client/hash_cache.h"
#include "core/base/status.h"
#include "dray/wire/v1/version.pb.h"

namespace dray {

// What a sync knows of one name on one side.
struct SyncEntry {
  std::string name;  // relative to the top of the side
  // ENTRY_KIND_UNSPECIFIED: something here that no sync copies (a socket, a device, a pipe).
  wire::v1::EntryKind kind = wire::v1::ENTRY_KIND_UNSPECIFIED;
  uint32_t mode = 0;  // 07777
  int64_t mtime_ns = 0;
  uint64_t size_bytes = 0;  // FILE
  std::string link;         // SYMLINK: its text
  std::string root;         // FILE on the server: 32 bytes
  uint64_t version = 0;     // on the server
  FileState state{};        // FILE here
  // Left by an interrupted get: no file of the user's.
  bool leftover = false;

  bool folder() const { return kind == wire::v1::FOLDER; }
  bool file() const { return kind == wire::v1::FILE; }
};

wire::v1::Metadata MetadataOf(const SyncEntry& entry);

// The names of one side: depth first, names in byte order, a folder before what is in it
// (ListedBefore of client/names.h). Not thread-safe.
class TreeCursor {
 public:
  virtual ~TreeCursor() = default;

  // Nothing after the last one. After an error nothing more can be told.
  virtual absl::StatusOr<std::optional<SyncEntry>> Next() = 0;
  // What is in the folder told last is not told.
  virtual void SkipFolder() = 0;
  // False once something could not be read: then a name that was not told may be there all the
  // same.
  virtual bool complete() const { return true; }
};

// A side on which there is nothing.
class EmptyCursor : public TreeCursor {
 public:
  absl::StatusOr<std::optional<SyncEntry>> Next() override { return std::optional<SyncEntry>(); }
  void SkipFolder() override {}
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_SYNC_ENTRY_H_
