#include "services/transfer/dialects/classic_stream.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <prometheus/counter.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace dray::transfer {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr auto kAwaitable = asio::as_tuple(asio::use_awaitable);
constexpr size_t kReceiveBytes = 16 * 1024;
constexpr milliseconds kLingerTime{2000};
// Between two looks at whether the peer has acknowledged everything.
constexpr milliseconds kLookAgain{2};

absl::Status Ended() { return absl::UnavailableError("the connection was ended"); }

}  // namespace

ClassicStream::ClassicStream(tcp::socket socket, prometheus::Counter* received,
                             prometheus::Counter* sent, const Options& options)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      received_(received),
      sent_(sent),
      options_(options) {
  boost::system::error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
}

absl::StatusOr<size_t> ClassicStream::TryReceive(MutableBytes into) {
  while (!broken_) {
    const ssize_t got = recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) {
      received_->Increment(static_cast<double>(got));
      if (answer_proves_) alone_ = false;
      return static_cast<size_t>(got);
    }
    if (got == 0) return absl::UnavailableError("the client closed the connection");
    if (errno == EAGAIN || errno == EWOULDBLOCK) return size_t{0};
    if (errno != EINTR) {
      return absl::UnavailableError(ErrnoStatus(errno, "cannot receive").message());
    }
  }
  return Ended();
}

// The old clients send a message in several small pieces, and their kernel holds each piece back
// until the one before is acknowledged: up to 40 ms for each block of UPLOAD_DELTA. Linux forgets
// the option by and by.
void ClassicStream::AcknowledgeAtOnce() {
  const int on = 1;
  setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

awaitable<bool> ClassicStream::WaitFor(tcp::socket::wait_type what, milliseconds timeout) {
  const uint64_t wait = ++waits_;
  bool timed_out = false;
  timer_.expires_after(timeout);
  timer_.async_wait(
      [self = shared_from_this(), wait, &timed_out](const boost::system::error_code& error) {
        if (error || self->waits_ != wait) return;
        timed_out = true;
        boost::system::error_code ignored;
        self->socket_.cancel(ignored);
      });
  co_await socket_.async_wait(what, kAwaitable);
  ++waits_;
  timer_.cancel();
  co_return !timed_out;
}

awaitable<absl::StatusOr<size_t>> ClassicStream::ReceiveFromSocket(MutableBytes into,
                                                                   milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  while (true) {
    const absl::StatusOr<size_t> got = TryReceive(into);
    if (!got.ok() || *got > 0) co_return got;
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    AcknowledgeAtOnce();
    bool ready = false;
    if (left.count() > 0) ready = co_await WaitFor(tcp::socket::wait_read, left + milliseconds(1));
    if (!ready && !broken_ && Clock::now() >= deadline) {
      co_return absl::DeadlineExceededError("the client was silent for too long");
    }
  }
}

awaitable<absl::StatusOr<size_t>> ClassicStream::Receive(MutableBytes into, milliseconds timeout) {
  if (buffer_.empty()) co_return co_await ReceiveFromSocket(into, timeout);
  const size_t count = std::min(buffer_.size(), into.size());
  std::memcpy(into.data(), buffer_.data(), count);
  buffer_.erase(0, count);
  co_return count;
}

awaitable<absl::Status> ClassicStream::ReceiveAll(MutableBytes into, milliseconds timeout) {
  while (!into.empty()) {
    const absl::StatusOr<size_t> got = co_await Receive(into, timeout);
    if (!got.ok()) co_return got.status();
    into.remove_prefix(*got);
  }
  co_return absl::OkStatus();
}

awaitable<absl::StatusOr<std::string>> ClassicStream::ReceiveText(size_t max_bytes,
                                                                  milliseconds quiet,
                                                                  milliseconds timeout) {
  while (true) {
    const size_t newline = buffer_.find('\n');
    const size_t length = std::min(newline, buffer_.size());
    if (length > max_bytes) {
      co_return absl::InvalidArgumentError(
          absl::StrCat("a command of more than ", max_bytes, " bytes"));
    }
    if (newline != std::string::npos) {
      std::string text = buffer_.substr(0, newline);
      buffer_.erase(0, newline + 1);
      co_return text;
    }
    const milliseconds patience = buffer_.empty() ? timeout : quiet;
    const absl::Status got = co_await ReceiveIntoBuffer(patience);
    if (absl::IsDeadlineExceeded(got) && !buffer_.empty()) co_return std::exchange(buffer_, {});
    if (!got.ok()) co_return got;
  }
}

awaitable<absl::Status> ClassicStream::ReceiveIntoBuffer(milliseconds timeout) {
  std::array<uint8_t, kReceiveBytes> bytes;
  const absl::StatusOr<size_t> got = co_await ReceiveFromSocket(MutableBytes(bytes), timeout);
  if (got.ok()) buffer_.append(AsText(Bytes(bytes.data(), *got)));
  co_return got.status();
}

awaitable<absl::StatusOr<bool>> ClassicStream::ReceiveLiteral(std::string_view literal,
                                                              milliseconds timeout) {
  while (buffer_.size() < literal.size() && literal.starts_with(buffer_)) {
    const absl::Status got = co_await ReceiveIntoBuffer(timeout);
    if (!got.ok()) co_return got;
  }
  if (!buffer_.starts_with(literal)) co_return false;
  buffer_.erase(0, literal.size());
  if (buffer_.starts_with("\r\n")) buffer_.erase(0, 2);
  if (buffer_.starts_with("\n")) buffer_.erase(0, 1);
  co_return true;
}

awaitable<absl::Status> ClassicStream::Send(std::string_view bytes) {
  if (alone_) {
    const absl::Status taken = co_await AwaitTaken();
    if (!taken.ok()) co_return taken;
  }
  while (!bytes.empty()) {
    if (broken_) co_return Ended();
    const ssize_t sent =
        send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      sent_->Increment(static_cast<double>(sent));
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      const bool ready = co_await WaitFor(tcp::socket::wait_write, options_.write_timeout);
      if (!ready && !broken_) {
        co_return absl::DeadlineExceededError("the client took nothing for too long");
      }
    } else if (errno != EINTR) {
      co_return absl::UnavailableError(ErrnoStatus(errno, "cannot send").message());
    }
  }
  co_return absl::OkStatus();
}

bool ClassicStream::HasUnread() {
  int bytes = 0;
  return !buffer_.empty() || (ioctl(socket_.native_handle(), FIONREAD, &bytes) == 0 && bytes > 0);
}

awaitable<absl::Status> ClassicStream::SendAlone(std::string_view literal) {
  if (alone_) {
    const absl::Status taken = co_await AwaitTaken();
    if (!taken.ok()) co_return taken;
  }
  answer_proves_ = !HasUnread();
  const absl::Status status = co_await Send(literal);
  alone_ = true;
  co_return status;
}

// What a peer that reset the connection has not acknowledged it never will.
bool ClassicStream::IsReset() {
  pollfd poll_for{socket_.native_handle(), 0, 0};
  return poll(&poll_for, 1, 0) > 0 && (poll_for.revents & (POLLERR | POLLHUP)) != 0;
}

// Returns when the peer's kernel has all that was sent, and a pause has passed.
awaitable<absl::Status> ClassicStream::AwaitTaken() {
  const Clock::time_point deadline = Clock::now() + options_.write_timeout;
  int unacknowledged = 0;
  while (!broken_ && ioctl(socket_.native_handle(), SIOCOUTQ, &unacknowledged) == 0 &&
         unacknowledged > 0) {
    if (IsReset()) co_return absl::UnavailableError("the client reset the connection");
    if (Clock::now() >= deadline) {
      co_return absl::DeadlineExceededError("the client acknowledged nothing for too long");
    }
    co_await Sleep(kLookAgain);
  }
  if (broken_) co_return Ended();
  co_await Sleep(options_.pause);
  alone_ = false;
  co_return absl::OkStatus();
}

awaitable<void> ClassicStream::Sleep(milliseconds time) {
  ++waits_;
  timer_.expires_after(time);
  co_await timer_.async_wait(kAwaitable);
}

awaitable<void> ClassicStream::End() {
  if (broken_) co_return;
  shutdown(socket_.native_handle(), SHUT_WR);
  const Clock::time_point deadline = Clock::now() + kLingerTime;
  std::array<uint8_t, kReceiveBytes> scratch;
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) break;
    const auto got = co_await ReceiveFromSocket(MutableBytes(scratch), left);
    if (!got.ok()) break;
  }
  Abort();
}

void ClassicStream::Abort() {
  if (std::exchange(broken_, true)) return;
  shutdown(socket_.native_handle(), SHUT_RDWR);
  boost::system::error_code ignored;
  socket_.cancel(ignored);
  timer_.cancel();
}

}  // namespace dray::transfer
