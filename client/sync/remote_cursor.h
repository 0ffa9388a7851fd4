#ifndef DRAY_CLIENT_SYNC_REMOTE_CURSOR_H_
#define DRAY_CLIENT_SYNC_REMOTE_CURSOR_H_

#include <string>
#include <thread>
#include <vector>

#include "client/channel.h"
#include "client/sync/sync_entry.h"
#include "client/work_queue.h"
#include "core/base/status.h"

namespace dray {

// A folder of the server, listed ahead of who asks by a thread of its own, over a connection of its
// own. What the server says is checked: names beneath the folder, in order, each in a folder that
// was told; DATA_LOSS otherwise. Memory: a few thousand entries.
class RemoteCursor : public TreeCursor {
 public:
  // `operation` outlives this. "" is the server's top.
  // `roots`: of files are asked for; else only servers that know no brief lists tell them.
  RemoteCursor(const Operation& operation, std::string path, bool roots);
  ~RemoteCursor() override;

  absl::StatusOr<std::optional<SyncEntry>> Next() override;
  void SkipFolder() override { skip_ = last_folder_; }
  bool complete() const override { return status_.ok(); }

 private:
  using Entries = std::vector<SyncEntry>;

  absl::Status List();
  absl::Status Take(const wire::v1::Version& version, Entries* entries);
  absl::Status CheckPlace(const std::string& name);

  const Operation& operation_;
  const std::string path_;
  const bool roots_;

  // The thread's own until it has ended.
  std::string previous_;
  std::vector<std::string> folders_;  // those that the last name lies in
  absl::Status status_;

  WorkQueue<Entries> queue_;
  std::thread thread_;
  Entries entries_;
  size_t next_ = 0;
  std::string last_folder_;
  std::optional<std::string> skip_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_REMOTE_CURSOR_H_
