#ifndef DRAY_CLIENT_SYNC_SYNC_RUN_H_
#define DRAY_CLIENT_SYNC_SYNC_RUN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "client/sync/merge.h"
#include "client/sync/record.h"
#include "client/sync/spill.h"
#include "client/sync/sync_entry.h"
#include "client/sync/sync_target.h"
#include "core/base/status.h"

namespace dray {

// One run of a sync. To be used once.
class SyncRun : private MergeSink {
 public:
  explicit SyncRun(SyncContext* context);

  // The tops of both sides, as far as they are there; the source's is.
  absl::Status Run(const std::optional<SyncEntry>& local, const std::optional<SyncEntry>& remote);

 private:
  // What became of the merge.
  struct Merged {
    absl::Status status;
    bool complete = false;  // both sides were read, all of them
  };

  absl::Status OnUnchanged(const SyncEntry& source) override;
  absl::Status OnChange(const SyncChange& change, const SyncEntry& source, bool alone) override;
  absl::Status OnFolderEnd(const SyncEntry& source) override;
  absl::Status OnExtra(const SyncEntry& target) override;

  std::unique_ptr<TreeCursor> LocalSide(bool exists);
  std::unique_ptr<TreeCursor> RemoteSide(bool exists) const;
  MergeOptions OptionsOfMerge();
  absl::Status TakeTop(const SyncEntry& source, const SyncEntry* target);
  Merged RunMerge(TreeCursor* source, TreeCursor* target);
  // The thread that does what the merge finds.
  absl::Status ExecuteAll();
  // Whether what is extra is to be deleted; says why not.
  bool MayRemove(const Merged& merged);
  absl::Status TellExtras();
  absl::Status FinishUp(bool removes);
  void Tell(const SyncRecord& record, bool deleted) const;

  SyncContext* const context_;
  const Operation& operation_;
  const SyncOptions& options_;
  const bool upload_;
  std::unique_ptr<SyncTarget> executor_;

  SpillQueue changes_;
  std::atomic<bool> over_ = false;  // nothing more is executed
  SpillList blocked_;               // the executing thread's own, until it ends
  SpillList extras_;
  uint64_t extra_count_ = 0;  // without what interrupted gets have left
  SpillList folders_;
  SyncEntry top_;
  bool top_changed_ = false;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_SYNC_RUN_H_
