#ifndef DRAY_CLIENT_SYNC_MERGE_H_
#define DRAY_CLIENT_SYNC_MERGE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/sync/filter.h"
#include "client/sync/sync_entry.h"
#include "core/base/status.h"

namespace dray {

// What has to happen to one name so that the target is as the source.
struct SyncChange {
  enum class Action : uint8_t {
    kCreate,       // nothing is there, or something of another kind that can be replaced
    kUpdate,       // the contents may differ, or a link's text does
    kSetMetadata,  // the contents are the same: mode or time differ
    kReplace,      // a folder takes the place of what is no folder
    kBlocked,      // a folder is there, which has to go first
  };
  Action action{};
  wire::v1::EntryKind kind{};
  // What differs. `contents` is known with `same_contents`, and for links.
  bool contents = false;
  bool size = false;
  bool time = false;
  bool mode = false;
};

// What a merge finds. An error ends the merge.
class MergeSink {
 public:
  virtual ~MergeSink() = default;
  virtual absl::Status OnUnchanged(const SyncEntry& source) = 0;
  // `alone`: the target has nothing more to tell, and has told of no file.
  virtual absl::Status OnChange(const SyncChange& change, const SyncEntry& source, bool alone) = 0;
  // All in a folder of the source was told, and the folder or something directly in it is changed.
  virtual absl::Status OnFolderEnd(const SyncEntry& source) = 0;
  // The source has no such name. What is in a folder is told before it; a folder in which something
  // is excluded is not told.
  virtual absl::Status OnExtra(const SyncEntry& target) = 0;
};

struct MergeOptions {
  const Filter* filter = nullptr;
  // Files that are newer at the target stay as they are.
  bool update = false;
  // Extra names will be deleted: their folders change.
  bool removes = false;
  // Bits of the mode that the target keeps.
  uint32_t mode_mask = 07777;
  // Decides whether files of equal size have the same contents. Empty: the time decides.
  std::function<absl::StatusOr<bool>(const SyncEntry& source, const SyncEntry& target)>
      same_contents;
};

// Goes through both sides in step and tells the sink, in the order of the names, what differs.
// Changes nothing. Memory: the folders on the way to the current name. Not thread-safe.
class Merge {
 public:
  Merge(TreeCursor* source, TreeCursor* target, const MergeOptions& options, MergeSink* sink);

  absl::Status Run();
  // Something directly in the top folder is changed.
  bool top_changed() const { return top_changed_; }

 private:
  struct Folder {
    SyncEntry entry;
    bool flag = false;  // of the source: changed; of the target: something in it stays
  };

  absl::Status Advance(TreeCursor* cursor, std::optional<SyncEntry>* entry);
  absl::Status TakeMissing();
  absl::Status TakeExtra();
  absl::Status TakeBoth();
  absl::Status TakeFile(SyncChange change);
  absl::Status Tell(const SyncChange& change);
  // Ends the folders that `name` does not lie in; all of them for "".
  absl::Status LeaveSourceFolders(const std::string& name);
  absl::Status LeaveExtraFolders(const std::string& name);
  absl::Status TellExtra(const SyncEntry& entry);
  void MarkChanged();

  TreeCursor* const source_cursor_;
  TreeCursor* const target_cursor_;
  const MergeOptions& options_;
  MergeSink* const sink_;
  std::optional<SyncEntry> source_;
  std::optional<SyncEntry> target_;
  std::vector<Folder> folders_;  // of the source, those that the current name lies in
  std::vector<Folder> extras_;   // of the target, those that the source lacks
  bool any_file_ = false;        // of the target
  bool top_changed_ = false;
};

// Whether both times are the same, as far as the coarser side keeps them.
bool SameTime(int64_t a_ns, int64_t b_ns);

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_MERGE_H_
