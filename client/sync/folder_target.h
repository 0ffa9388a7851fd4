#ifndef DRAY_CLIENT_SYNC_FOLDER_TARGET_H_
#define DRAY_CLIENT_SYNC_FOLDER_TARGET_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/get_session.h"
#include "client/jobs.h"
#include "client/sync/local_moves.h"
#include "client/sync/sync_target.h"

namespace dray {

// A folder of this machine: what is to be done is got, made and deleted there, never outside of it
// (BeneathFolder).
class FolderTarget : public SyncTarget {
 public:
  // `context`'s base is opened by Begin where it is not yet.
  explicit FolderTarget(SyncContext* context);

  absl::Status Begin() override;
  absl::Status Execute(const SyncRecord& record) override;
  absl::Status Settle() override;
  absl::Status Remove(const SpillList& extras) override;
  absl::Status ExecuteBlocked(const SpillList& blocked, bool removed) override;
  absl::Status End(const SpillList& folders) override;
  absl::Status ConsiderExtra(const SyncEntry& extra) override { return moves_.AddExtra(extra); }
  absl::Status ConsiderKept(const SyncEntry& source) override { return moves_.AddKept(source); }
  void Considered(bool removes) override;

 private:
  // What concerns one name alone.
  absl::Status MakeEntry(const SyncRecord& record);
  absl::Status MakeLink(const SyncEntry& entry);
  absl::Status SetFile(const SyncEntry& entry);
  // Gets the file, once its root is known.
  absl::Status Get(SyncEntry entry);
  absl::Status GetRootless();
  absl::Status AddToSession(const SyncEntry& entry);
  // Makes of local files what of the held ones can be, and gets the others.
  absl::Status GetHeld();
  absl::Status MakeOrGet(std::vector<SyncEntry> entries);
  using Maker = std::function<absl::StatusOr<bool>(const RemoteFile& file)>;
  // Takes out those that `make` makes.
  absl::Status MakeLocally(std::vector<SyncEntry>* entries, const Maker& make);
  RemoteFile FileOf(const SyncEntry& entry) const;
  absl::StatusOr<RemoteFile> CheckedFileOf(const SyncEntry& entry) const;
  absl::Status Unlink(const SyncEntry& entry);
  // The folder that holds `name` can be written to from now on.
  absl::Status OpenUp(const std::string& name);
  absl::Status SetFolder(const SyncEntry& entry);

  SyncContext* const context_;
  GetOptions get_options_;
  std::unique_ptr<GetSession> session_;
  // To be got; their roots are asked for together.
  std::vector<SyncEntry> rootless_;
  uint64_t rootless_bytes_ = 0;  // of contents
  // Missing files wait until it is known what could be moved or copied to their names.
  SpillList held_;
  LocalMoves moves_;  // the merging thread's until `considered_`
  bool considered_ = false;
  bool removes_ = false;
  std::optional<std::string> opened_up_;  // the last folder that was
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_FOLDER_TARGET_H_
