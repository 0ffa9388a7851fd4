#ifndef DRAY_SERVICES_TRANSFER_ENGINE_TESTING_FAKE_DELTA_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_TESTING_FAKE_DELTA_H_

#include <memory>
#include <string>

#include "absl/time/time.h"

namespace dray::transfer {

// A delta service in memory, on a loopback port of its own. Keeps chunks, nodes and the newest and
// older versions of files; folders are whatever stands before a '/'. It checks what a test of
// transfer needs checked: a node's id, that chunks were added before the commit. Thread-safe.
class FakeDelta {
 public:
  // Starts serving. `port` 0 picks one; a port that was stopped can be taken again.
  explicit FakeDelta(int port = 0);
  ~FakeDelta();

  // "127.0.0.1:port"
  std::string address() const;
  int port() const;

  // What AddChunks and CommitBatch told so far.
  size_t chunk_count() const;
  // How many versions a path has.
  size_t version_count(const std::string& path) const;

  // Every later call waits this long before it answers.
  void SetDelay(absl::Duration delay);

  // From now on as a delta of before there were deletions in batches, and roots by path.
  void BecomeOld();

  // Ends the service; calls in flight fail with UNAVAILABLE. What it knows is kept for Start().
  void Stop();
  void Start();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_TESTING_FAKE_DELTA_H_
