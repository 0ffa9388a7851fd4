#ifndef DRAY_CLIENT_GET_SESSION_H_
#define DRAY_CLIENT_GET_SESSION_H_

#include <cstdint>
#include <thread>
#include <vector>

#include "client/channel.h"
#include "client/incoming_file.h"
#include "client/jobs.h"
#include "client/work_queue.h"
#include "core/base/status.h"

namespace dray {

// Threads that get the files they are given, each over a connection of its own. What happens to
// each file is told the tracker. To be used by one thread.
class GetSession {
 public:
  // Both arguments outlive the session.
  GetSession(const Operation& operation, const GetOptions& options);
  // Without Finish, what was added may not be got.
  ~GetSession();
  GetSession(const GetSession&) = delete;
  GetSession& operator=(const GetSession&) = delete;

  // Waits for room. False: the session is over, Finish tells why. REQUIRES: CheckVersion was OK for
  // the file, and the folder it goes to exists.
  bool Add(RemoteFile file);
  // Hands on what still waits for company.
  bool Flush();
  // Waits until everything added is dealt with. An error ended the session.
  absl::Status Finish();

 private:
  class Worker;
  // Small files to be asked for together, or one large file.
  struct Group {
    std::vector<RemoteFile> files;
    bool large = false;
  };

  void Join();

  const Operation operation_;
  const GetOptions& options_;
  WorkQueue<Group> queue_;
  uint64_t hook_ = 0;
  Group group_;
  uint64_t group_bytes_ = 0;
  std::vector<absl::Status> ends_;
  std::vector<std::thread> workers_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_GET_SESSION_H_
