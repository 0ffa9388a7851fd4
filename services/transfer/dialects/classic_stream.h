#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_CLASSIC_STREAM_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_CLASSIC_STREAM_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/status.h"

namespace prometheus {
class Counter;
}

namespace dray::transfer {

// A connection of one of the two classic dialects, whose clients take what one recv(2) brings as
// one message: SendAlone() keeps what follows away from it (docs/format/robust.md, "Boundaries").
// Errors: UNAVAILABLE, the connection is lost or was ended; DEADLINE_EXCEEDED, the client was
// silent for too long. For one coroutine, on the socket's executor.
class ClassicStream : public std::enable_shared_from_this<ClassicStream> {
 public:
  struct Options {
    // After what was sent alone: from when the peer's kernel has it until more is sent.
    std::chrono::milliseconds pause{20};
    // How long a client may take nothing of what is to be sent.
    std::chrono::milliseconds write_timeout{60'000};
  };

  // Counts every byte at the socket; the counters outlive it.
  ClassicStream(boost::asio::ip::tcp::socket socket, prometheus::Counter* received,
                prometheus::Counter* sent, const Options& options);

  boost::asio::any_io_executor executor() { return socket_.get_executor(); }

  // Receives something, at most into.size() bytes.
  boost::asio::awaitable<absl::StatusOr<size_t>> Receive(MutableBytes into,
                                                         std::chrono::milliseconds timeout);
  // Fills `into`; the timeout is for silence, not for the whole.
  boost::asio::awaitable<absl::Status> ReceiveAll(MutableBytes into,
                                                  std::chrono::milliseconds timeout);
  // Receives a text: up to a newline, which is dropped, or to when nothing more has come for
  // `quiet`. INVALID_ARGUMENT when it is longer than `max_bytes`. `timeout` is for its first byte.
  boost::asio::awaitable<absl::StatusOr<std::string>> ReceiveText(
      size_t max_bytes, std::chrono::milliseconds quiet, std::chrono::milliseconds timeout);

  // Whether the next bytes are `literal`; they are taken then, with a newline that came with them,
  // and left where they are else.
  boost::asio::awaitable<absl::StatusOr<bool>> ReceiveLiteral(std::string_view literal,
                                                              std::chrono::milliseconds timeout);

  boost::asio::awaitable<absl::Status> Send(std::string_view bytes);
  // Nothing that is sent later reaches the client in the same recv(2).
  boost::asio::awaitable<absl::Status> SendAlone(std::string_view literal);
  // Nothing is sent for so long.
  boost::asio::awaitable<void> Sleep(std::chrono::milliseconds time);

  // Tells the peer that nothing more comes, and throws away what it still sends until it closes,
  // but not for long: else the kernel would reset the connection, and the last answer might be
  // lost.
  boost::asio::awaitable<void> End();
  // Ends the connection both ways, now; who waits goes on. On the executor.
  void Abort();

 private:
  // What is there without waiting, 0 if nothing is.
  absl::StatusOr<size_t> TryReceive(MutableBytes into);
  boost::asio::awaitable<absl::Status> ReceiveIntoBuffer(std::chrono::milliseconds timeout);
  boost::asio::awaitable<absl::StatusOr<size_t>> ReceiveFromSocket(
      MutableBytes into, std::chrono::milliseconds timeout);
  // False: nothing happened in time.
  boost::asio::awaitable<bool> WaitFor(boost::asio::ip::tcp::socket::wait_type what,
                                       std::chrono::milliseconds timeout);
  boost::asio::awaitable<absl::Status> AwaitTaken();
  void AcknowledgeAtOnce();
  bool HasUnread();
  bool IsReset();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  uint64_t waits_ = 0;
  prometheus::Counter* const received_;
  prometheus::Counter* const sent_;
  const Options options_;
  std::string buffer_;  // received and not taken
  // What was sent last was to be alone, and perhaps was not read yet.
  bool alone_ = false;
  // Then: nothing else had come that was not taken, so that what comes proves that it was read.
  bool answer_proves_ = false;
  bool broken_ = false;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_CLASSIC_STREAM_H_
