#ifndef DRAY_CLIENT_PUT_SESSION_H_
#define DRAY_CLIENT_PUT_SESSION_H_

#include <cstdint>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "client/channel.h"
#include "client/jobs.h"
#include "client/scanner.h"
#include "client/work_queue.h"
#include "core/base/status.h"

namespace dray {

// Threads that put what they are given: they read, hash and send, each over a connection of its
// own. What happens to each entry is told the tracker. To be used by one thread.
class PutSession {
 public:
  // `alone`: a single entry will come. Both arguments outlive the session.
  PutSession(const Operation& operation, const PutOptions& options, bool alone);
  // Without Finish, what was added may not be put.
  ~PutSession();
  PutSession(const PutSession&) = delete;
  PutSession& operator=(const PutSession&) = delete;

  // Waits for room. False: the session is over, Finish tells why.
  bool Add(LocalEntry entry);
  // Waits until everything added is dealt with. An error ended the session.
  absl::Status Finish();

 private:
  class Worker;
  // Small entries that make one batch, or one large file.
  struct Group {
    std::vector<LocalEntry> entries;
    bool large = false;
  };

  bool Flush();
  void Join();

  const Operation operation_;
  const PutOptions& options_;
  WorkQueue<Group> queue_;
  uint64_t hook_ = 0;
  Group group_;
  absl::Time begun_;  // of group_
  uint64_t content_bytes_ = 0;
  size_t frame_bytes_ = 0;
  std::vector<absl::Status> ends_;
  std::vector<std::thread> workers_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_PUT_SESSION_H_
