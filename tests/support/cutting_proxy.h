#ifndef DRAY_TESTS_SUPPORT_CUTTING_PROXY_H_
#define DRAY_TESTS_SUPPORT_CUTTING_PROXY_H_

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/file.h"
#include "core/framing/frame.h"

namespace dray::testing {

// Stands between a client and a server of the native dialect. Cuts a connection when a certain
// answer of the server comes by: the client never sees it, although what it tells of was done.
class CuttingProxy {
 public:
  // Cuts at the next `cuts` frames of this type.
  CuttingProxy(const std::string& server, FrameType type, int cuts);
  ~CuttingProxy();

  const std::string& address() const { return address_; }
  // How many connections are still to be cut.
  int cuts_left() const { return cuts_; }

 private:
  void Accept();
  void Serve(int client);
  // Passes on what the server sends until it closes, or an answer is to be swallowed.
  void PassAnswers(int server, int client);

  const std::string server_;
  const FrameType type_;
  std::atomic<int> cuts_;
  UniqueFd listener_;
  std::string address_;
  absl::Mutex mutex_;
  std::vector<std::thread> connections_ ABSL_GUARDED_BY(mutex_);
  std::thread accepting_;
};

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_CUTTING_PROXY_H_
