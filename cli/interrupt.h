#ifndef DRAY_CLI_INTERRUPT_H_
#define DRAY_CLI_INTERRUPT_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/dray.h"
#include "core/base/file.h"

namespace dray {

// SIGINT and SIGTERM: the first cancels the client, the second ends the program at once with status
// 130. To be made before other threads are, because they inherit the blocked signals; SIGPIPE is
// ignored from then on.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();

  // Null: none.
  void SetClient(Client* client);
  bool interrupted() const;

 private:
  void Watch();

  UniqueFd signals_;
  UniqueFd stop_;
  mutable absl::Mutex mu_;
  Client* client_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  std::thread watcher_;
};

}  // namespace dray

#endif  // DRAY_CLI_INTERRUPT_H_
