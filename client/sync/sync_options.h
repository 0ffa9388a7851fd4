#ifndef DRAY_CLIENT_SYNC_SYNC_OPTIONS_H_
#define DRAY_CLIENT_SYNC_SYNC_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "client/sync/filter.h"
#include "client/sync/merge.h"

namespace dray {

// A local folder and one of the server, one of which becomes as the other is.
struct SyncJob {
  enum class Direction { kUpload, kDownload };
  Direction direction{};
  std::string local;
  std::string remote;  // relative to the server's top; "" is the top
};

// One name that a sync changes at its target.
struct SyncReport {
  SyncJob::Direction direction{};
  std::string name;  // relative to the top of the target; "" is the top
  bool deleted = false;
  SyncChange change;  // where it is not deleted; but for its kind
};

struct SyncOptions {
  // What the target has and the source has not is deleted, after all else.
  bool delete_extra = false;
  // If more than so many names would be deleted, none is, and that is a failure.
  std::optional<uint64_t> max_delete;
  // What is left alone on both sides.
  Filter filter;
  // Nothing is changed; only told.
  bool dry_run = false;
  // Files of equal size are compared by contents, whatever their times are.
  bool checksum = false;
  // Files that are newer at the target stay as they are.
  bool update = false;
  // As in GetOptions.
  bool keep_special_modes = false;
  bool sync = false;
  // What is about to be done, name by name; in a dry run the same in the same order. One call at a
  // time, from a thread of the library. May be empty.
  std::function<void(const SyncReport&)> on_change;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_SYNC_OPTIONS_H_
