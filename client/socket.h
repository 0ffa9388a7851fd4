#ifndef DRAY_CLIENT_SOCKET_H_
#define DRAY_CLIENT_SOCKET_H_

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/cancellation.h"
#include "client/rate_limit.h"
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/status.h"
#include "core/net/address.h"

namespace dray {

// Bytes that went through sockets, everything included. Shared by the connections of one operation;
// must outlive them.
struct Traffic {
  std::atomic<uint64_t> sent{0};
  std::atomic<uint64_t> received{0};
  // How fast either may be.
  RateLimit sending;
  RateLimit receiving;
};

// A connected TCP stream. One thread may receive while another sends.
class Socket {
 public:
  // Tries each address of the host in turn (IPv6 too). UNAVAILABLE "cannot reach HOST:PORT: ..."
  // when none answers within the timeout; CANCELLED when cancelled meanwhile.
  static absl::StatusOr<Socket> Connect(const Address& address, absl::Duration timeout,
                                        Traffic* traffic, const Cancellation* cancellation);

  // Waits until everything is sent. Changes `parts`.
  absl::Status SendAll(absl::Span<iovec> parts);
  absl::Status SendAll(std::string_view bytes);
  // Sends up to `limit_bytes` and takes them off `parts`, whose first is not empty.
  absl::Status SendSome(absl::Span<iovec>* parts, size_t limit_bytes);

  // Receives at least one byte; 0 when none came within `timeout`. UNAVAILABLE when the peer
  // closed.
  absl::StatusOr<size_t> Receive(MutableBytes out, absl::Duration timeout);

  // LinkTime() of the socket (core/net/link_time.h).
  absl::Duration link_time() const;

  // Whether something could be sent without waiting.
  bool writable() const;

  // Ends both directions: whoever waits in another call gets an error. Thread-safe.
  void Shutdown();

 private:
  Socket(UniqueFd fd, std::string peer, Traffic* traffic);
  absl::Status WaitWritable();

  UniqueFd fd_;
  std::string peer_;
  Traffic* traffic_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SOCKET_H_
