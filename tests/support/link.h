#ifndef DRAY_TESTS_SUPPORT_LINK_H_
#define DRAY_TESTS_SUPPORT_LINK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "core/base/file.h"

namespace dray::testing {

// A network of two hosts and a bad link between them. Each host is a network namespace with a tun
// device; a thread of this process carries packets from one device to the other, or does not. No
// kernel module is needed beyond tun, nothing outside the test is touched, and all of it is gone
// with the test.
//
// The constructor moves the calling thread, and what it starts from then on, to the server's
// namespace, for good: make it in the main thread, before what is to talk over it. What is to
// run at the client enters `client_namespace()`. Its other methods are thread-safe. What cannot be
// done ends the program, with a message.
class Link {
 public:
  // What happens to packets, in both directions.
  struct Conditions {
    absl::Duration latency = absl::ZeroDuration();  // one way
    double loss = 0;                                // the share of packets that never arrive
    double reordered = 0;          // the share that overtakes those before: no latency for them
    uint64_t bits_per_second = 0;  // each way; 0: no limit. Half a second's worth is queued.
    bool dark = false;             // nothing arrives, and nobody is told
    bool reset = false;            // what arrives is answered with TCP resets to both sides
  };

  Link();
  ~Link();

  void Set(const Conditions& conditions);

  // Where servers may listen so that the client reaches them.
  static const char* server_host() { return "10.77.0.1"; }
  // For setns(2).
  int client_namespace() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_LINK_H_
