#ifndef DRAY_TESTS_SUPPORT_SOCKET_H_
#define DRAY_TESTS_SUPPORT_SOCKET_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "core/base/file.h"

namespace dray::testing {

// A plain TCP connection that says whatever a test wants it to say.
class RawSocket {
 public:
  // "127.0.0.1:40123". Check connected().
  explicit RawSocket(const std::string& address);

  bool connected() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }
  // False when the peer has closed.
  bool Send(std::string_view bytes);
  // What comes until the peer closes or `timeout` passes; `*closed` tells which.
  std::string ReceiveAll(absl::Duration timeout, bool* closed);
  // Exactly `size` bytes, fewer when the peer closes or `timeout` passes.
  std::string Receive(size_t size, absl::Duration timeout);
  // No more will be sent.
  void FinishSending();

 private:
  std::string ReceiveUpTo(size_t size, absl::Duration timeout, bool* closed);
  UniqueFd fd_;
};

// A loopback port that something listens on for as long as this lives.
class TakenPort {
 public:
  TakenPort();
  const std::string& address() const { return address_; }

 private:
  UniqueFd fd_;
  std::string address_;
};

// The body of a GET, with the status line before it in `*status_line` if that is given.
std::string HttpGet(const std::string& address, const std::string& path,
                    std::string* status_line = nullptr);

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_SOCKET_H_
