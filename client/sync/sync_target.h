#ifndef DRAY_CLIENT_SYNC_SYNC_TARGET_H_
#define DRAY_CLIENT_SYNC_SYNC_TARGET_H_

#include <memory>
#include <string>

#include "absl/types/span.h"
#include "client/beneath_folder.h"
#include "client/channel.h"
#include "client/sync/record.h"
#include "client/sync/spill.h"
#include "client/sync/sync_options.h"
#include "core/base/status.h"

namespace dray {

// What the parts of one sync share. All pointed to outlives them.
struct SyncContext {
  const Operation* operation = nullptr;
  const SyncJob* job = nullptr;
  const SyncOptions* options = nullptr;
  std::shared_ptr<const BeneathFolder> base;  // the local side; null where there is none yet
  // The server's list tells the roots of files. Else those that are needed are asked for.
  bool lists_roots = false;

  // What a name is called here and there.
  std::string LocalName(const std::string& name) const;
  std::string RemoteName(const std::string& name) const;
  // Asks the server for the roots of those files that have none yet. What is gone there keeps none.
  absl::Status LearnRoots(absl::Span<SyncEntry> files) const;
  void ReportFailed(const SyncEntry& entry, const absl::Status& status) const;
  void ReportDone(const SyncEntry& entry) const;
};

// Why a file or link is not made where a folder is.
absl::Status BlockedError(const std::string& name);

// Does at one kind of target what a sync finds is to be done. Each method is called by one thread
// at a time, those of changes in this order: Execute, for each change, the top folder's first;
// Settle; Remove; ExecuteBlocked; Settle; End. What happens to each name is told the tracker; an
// error ends the sync.
class SyncTarget {
 public:
  virtual ~SyncTarget() = default;

  // Before anything else, unless it is a dry run.
  virtual absl::Status Begin() = 0;
  virtual absl::Status Execute(const SyncRecord& record) = 0;
  // Waits until all that was executed is done.
  virtual absl::Status Settle() = 0;
  // Deletes entries that the source lacks; what is in a folder comes before it.
  virtual absl::Status Remove(const SpillList& extras) = 0;
  // Changes that a folder of the target was in the way of. `removed`: Remove was called.
  virtual absl::Status ExecuteBlocked(const SpillList& blocked, bool removed) = 0;
  // `folders`: those with a change in them or to them, what is in one before it.
  virtual absl::Status End(const SpillList& folders) = 0;

  // By the thread that merges, while others are executed. What the source lacks, and what both have
  // and is the same, as the source has it.
  virtual absl::Status ConsiderExtra(const SyncEntry&) { return absl::OkStatus(); }
  virtual absl::Status ConsiderKept(const SyncEntry&) { return absl::OkStatus(); }
  // Both sides are read, all was told; `removes`: what the source lacks will be removed.
  virtual void Considered(bool /*removes*/) {}
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_SYNC_TARGET_H_
