#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_TRANSPORT_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_TRANSPORT_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/net/condition.h"

namespace prometheus {
class Counter;
}

namespace dray::transfer::native {

using SteadyTime = std::chrono::steady_clock::time_point;

// A connection's socket: receiving, one queue for all that is sent, and the lease of the sending
// side for sendfile(2). Not thread-safe: everything happens on the socket's executor, but for what
// the holder of the sending side does with fd(). The descriptor stays open until the last share of
// this is gone, so that a disk thread never uses one that is somebody else's by then.
class Transport : public std::enable_shared_from_this<Transport> {
 public:
  // Counts every byte at the socket; the counters outlive it.
  Transport(boost::asio::ip::tcp::socket socket, prometheus::Counter* received,
            prometheus::Counter* sent);

  boost::asio::any_io_executor executor() { return socket_.get_executor(); }
  int fd() { return socket_.native_handle(); }

  // Receives what is there, at most into.size() bytes; 0 when nothing is. UNAVAILABLE when the peer
  // has closed, or the connection is lost or was ended here.
  absl::StatusOr<size_t> Receive(MutableBytes into);
  boost::asio::awaitable<void> WaitReadable();
  // When WaitReadable() began to wait, while it does.
  std::optional<SteadyTime> waiting_since() const { return waiting_since_; }
  SteadyTime last_received() const { return last_received_; }

  // Sends after all that was sent before. Never waits: what the socket does not take is kept.
  void Send(std::string_view bytes);
  // Bytes kept.
  size_t pending_bytes() const { return pending_.size() - pending_begin_; }
  // Returns when little is kept, or the connection is broken. To be awaited before sending what a
  // peer can ask for without end.
  boost::asio::awaitable<void> WaitForRoom();
  // Something waits to be sent, and nothing was since then.
  std::optional<SteadyTime> stalled_since() const;

  // Waits until all is sent, then leases the sending side to the caller: what others send is kept
  // meanwhile. False, and nothing is leased, when the connection is broken.
  boost::asio::awaitable<bool> LeaseOutput();
  void ReturnOutput();
  boost::asio::awaitable<void> WaitWritable();
  // The holder sent this much by itself.
  void CountSent(size_t bytes);
  // While on, the kernel sends full packets only: for small pieces that follow each other.
  void Cork(bool on);

  // Tells the peer that nothing more will come, after all that is kept.
  void EndOutput();
  // After EndOutput(): throws away what the peer still sends, until it closes, but not for long.
  // Without this the kernel would reset the connection, and the peer might never read the last
  // frames.
  boost::asio::awaitable<void> Linger(std::chrono::milliseconds limit);
  // Ends the connection both ways, now; everybody who waits goes on.
  void Abort();
  bool broken() const { return broken_; }

 private:
  void Flush();
  void FlushWhenWritable();

  boost::asio::ip::tcp::socket socket_;
  prometheus::Counter* const received_;
  prometheus::Counter* const sent_;

  std::string pending_;
  size_t pending_begin_ = 0;
  bool output_leased_ = false;
  bool waiting_to_write_ = false;
  bool output_ends_ = false;
  bool broken_ = false;
  Condition output_changed_;
  SteadyTime last_received_;
  SteadyTime last_sent_;
  std::optional<SteadyTime> waiting_since_;
};

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_TRANSPORT_H_
