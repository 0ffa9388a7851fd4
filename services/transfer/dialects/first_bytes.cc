#include "services/transfer/dialects/first_bytes.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "core/base/path.h"
#include "core/telemetry/logging.h"

namespace dray::transfer {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::ip::tcp;
using Dialects = std::vector<std::unique_ptr<Dialect>>;
using Clock = std::chrono::steady_clock;

constexpr auto kAwaitable = asio::as_tuple(asio::use_awaitable);
// Bytes that decide nothing yet stay in the socket, which therefore always is readable.
constexpr std::chrono::milliseconds kLookAgain{20};

// A connection of which nobody knows yet what it speaks. On its socket's executor, but for Drain()
// and Abort().
class Undecided final : public ServedConnection, public std::enable_shared_from_this<Undecided> {
 public:
  explicit Undecided(tcp::socket socket) : socket_(std::move(socket)), timer_(executor()) {}

  asio::any_io_executor executor() { return socket_.get_executor(); }
  tcp::socket TakeSocket() { return std::move(socket_); }

  // Null when none fits, or the connection is over.
  awaitable<Dialect*> Choose(std::shared_ptr<const Dialects> dialects, Clock::time_point deadline);
  std::string first_text() const { return first_; }

  void Drain() override { Abort(); }
  void Abort() override {
    asio::post(executor(), [self = shared_from_this()] {
      self->ended_ = true;
      self->timer_.cancel();
      boost::system::error_code ignored;
      if (self->socket_.is_open()) self->socket_.cancel(ignored);
    });
  }

 private:
  awaitable<void> WaitForMore(Clock::time_point deadline);

  tcp::socket socket_;
  asio::steady_timer timer_;
  std::string first_;
  bool ended_ = false;
};

awaitable<void> Undecided::WaitForMore(Clock::time_point deadline) {
  if (!first_.empty()) {
    timer_.expires_after(kLookAgain);
    co_await timer_.async_wait(kAwaitable);
    co_return;
  }
  timer_.expires_at(deadline);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    boost::system::error_code ignored;
    if (!error && self->socket_.is_open()) self->socket_.cancel(ignored);
  });
  co_await socket_.async_wait(tcp::socket::wait_read, kAwaitable);
  timer_.cancel();
}

awaitable<Dialect*> Undecided::Choose(std::shared_ptr<const Dialects> dialects,
                                      Clock::time_point deadline) {
  while (!ended_ && Clock::now() < deadline) {
    std::array<uint8_t, kFirstBytes> bytes;
    const ssize_t got =
        recv(socket_.native_handle(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) co_return nullptr;
    if (got > 0) {
      const Bytes first(bytes.data(), static_cast<size_t>(got));
      first_ = AsText(first);
      bool undecided = false;
      for (const auto& dialect : *dialects) {
        const Match match = dialect->Matches(first);
        if (match == Match::kYes) co_return dialect.get();
        if (match == Match::kUndecided) undecided = true;
      }
      if (!undecided || first.size() == kFirstBytes) co_return nullptr;
    }
    co_await WaitForMore(deadline);
  }
  co_return nullptr;
}

}  // namespace

awaitable<void> ServeByFirstBytes(AcceptedSocket accepted, std::shared_ptr<const Dialects> dialects,
                                  std::chrono::milliseconds timeout, absl::Status refusal) {
  Dialect* dialect = nullptr;
  {
    const auto undecided = std::make_shared<Undecided>(std::move(accepted.socket));
    accepted.admission->SetServed(undecided);
    dialect = co_await undecided->Choose(dialects, Clock::now() + timeout);
    if (dialect == nullptr) {
      const std::string first = undecided->first_text();
      if (!first.empty()) {
        spdlog::info("{} closed: no dialect begins with \"{}\" ({})", accepted.peer,
                     EscapeName(first), absl::BytesToHexString(first));
      }
      co_return;
    }
    accepted.socket = undecided->TakeSocket();
  }
  if (refusal.ok()) {
    co_await dialect->Serve(std::move(accepted));
  } else {
    co_await dialect->Refuse(std::move(accepted), refusal);
  }
}

}  // namespace dray::transfer
