#include "services/transfer/dialects/native/transport.h"

#include <netinet/tcp.h>
#include <prometheus/counter.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <utility>

namespace dray::transfer::native {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAwaitable = asio::as_tuple(asio::use_awaitable);
// More than this kept makes WaitForRoom() wait.
constexpr size_t kRoomBytes = 256 * 1024;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

Transport::Transport(tcp::socket socket, prometheus::Counter* received, prometheus::Counter* sent)
    : socket_(std::move(socket)),
      received_(received),
      sent_(sent),
      last_received_(Now()),
      last_sent_(Now()) {
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
}

absl::StatusOr<size_t> Transport::Receive(MutableBytes into) {
  while (!broken_) {
    const ssize_t got = recv(fd(), into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) {
      last_received_ = Now();
      received_->Increment(static_cast<double>(got));
      return static_cast<size_t>(got);
    }
    if (got == 0) return absl::UnavailableError("the peer closed the connection");
    if (WouldBlock(errno)) return size_t{0};
    if (errno != EINTR) {
      return absl::UnavailableError(ErrnoStatus(errno, "cannot receive").message());
    }
  }
  return absl::UnavailableError("the connection was ended");
}

asio::awaitable<void> Transport::WaitReadable() {
  waiting_since_ = Now();
  co_await socket_.async_wait(tcp::socket::wait_read, kAwaitable);
  waiting_since_.reset();
}

void Transport::Send(std::string_view bytes) {
  if (broken_ || output_ends_) return;
  if (pending_bytes() == 0) last_sent_ = Now();
  pending_.append(bytes);
  Flush();
}

void Transport::Flush() {
  if (output_leased_ || waiting_to_write_) return;
  while (pending_bytes() > 0 && !broken_) {
    const ssize_t sent =
        send(fd(), pending_.data() + pending_begin_, pending_bytes(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      pending_begin_ += static_cast<size_t>(sent);
      CountSent(static_cast<size_t>(sent));
    } else if (WouldBlock(errno)) {
      FlushWhenWritable();
      break;
    } else if (errno != EINTR) {
      Abort();
    }
  }
  if (pending_bytes() == 0) {
    pending_begin_ = 0;
    if (pending_.capacity() > 4096) {
      std::string().swap(pending_);
    } else {
      pending_.clear();
    }
    if (output_ends_ && !broken_) shutdown(fd(), SHUT_WR);
  } else if (pending_begin_ > kRoomBytes) {
    pending_.erase(0, std::exchange(pending_begin_, 0));
  }
  if (pending_bytes() < kRoomBytes) output_changed_.NotifyAll();
}

void Transport::FlushWhenWritable() {
  waiting_to_write_ = true;
  socket_.async_wait(tcp::socket::wait_write,
                     [self = shared_from_this()](const error_code& /*error*/) {
                       self->waiting_to_write_ = false;
                       self->Flush();
                     });
}

asio::awaitable<void> Transport::WaitForRoom() {
  while (pending_bytes() >= kRoomBytes && !broken_) co_await output_changed_.Wait();
}

std::optional<SteadyTime> Transport::stalled_since() const {
  if (pending_bytes() == 0 && !output_leased_) return std::nullopt;
  return last_sent_;
}

asio::awaitable<bool> Transport::LeaseOutput() {
  while ((output_leased_ || pending_bytes() > 0) && !broken_) co_await output_changed_.Wait();
  if (broken_) co_return false;
  output_leased_ = true;
  last_sent_ = Now();
  co_return true;
}

void Transport::ReturnOutput() {
  output_leased_ = false;
  Flush();
  output_changed_.NotifyAll();
}

asio::awaitable<void> Transport::WaitWritable() {
  co_await socket_.async_wait(tcp::socket::wait_write, kAwaitable);
}

void Transport::CountSent(size_t bytes) {
  if (bytes == 0) return;
  last_sent_ = Now();
  sent_->Increment(static_cast<double>(bytes));
}

void Transport::Cork(bool on) {
  const int value = on ? 1 : 0;
  setsockopt(fd(), IPPROTO_TCP, TCP_CORK, &value, sizeof(value));
}

void Transport::EndOutput() {
  if (output_ends_) return;
  output_ends_ = true;
  Flush();
}

asio::awaitable<void> Transport::Linger(std::chrono::milliseconds limit) {
  asio::steady_timer timer(socket_.get_executor(), limit);
  auto cut = [self = shared_from_this()](const error_code& error) {
    if (!error) self->Abort();
  };
  timer.async_wait(cut);
  std::array<uint8_t, 4096> scratch;
  while (true) {
    const absl::StatusOr<size_t> got = Receive(MutableBytes(scratch));
    if (!got.ok()) break;
    if (*got == 0) co_await WaitReadable();
  }
}

void Transport::Abort() {
  if (broken_) return;
  broken_ = true;
  pending_.clear();
  pending_begin_ = 0;
  shutdown(fd(), SHUT_RDWR);
  error_code ignored;
  socket_.cancel(ignored);
  output_changed_.NotifyAll();
}

}  // namespace dray::transfer::native
