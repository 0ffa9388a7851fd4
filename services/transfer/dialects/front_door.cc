#include "services/transfer/dialects/front_door.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "core/net/listen.h"
#include "core/net/spawn.h"
#include "core/telemetry/logging.h"
#include "services/transfer/dialects/admissions.h"
#include "services/transfer/dialects/first_bytes.h"

namespace dray::transfer {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kAwaitable = asio::as_tuple(asio::use_awaitable);
// Connections that are told that the server is full, at once; beyond it they are closed in silence.
constexpr size_t kMaxRefusals = 100;
// After an accept(2) that failed: there may be no descriptors left.
constexpr std::chrono::milliseconds kAcceptPause{200};

}  // namespace

class FrontDoor::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(EventLoops* loops, std::vector<std::unique_ptr<Dialect>> dialects, const Options& options)
      : loops_(loops),
        dialects_(
            std::make_shared<const std::vector<std::unique_ptr<Dialect>>>(std::move(dialects))),
        options_(options) {}

  absl::Status Listen() {
    for (const Address& address : options_.listen) {
      DRAY_ASSIGN_OR_RETURN(tcp::acceptor acceptor, dray::Listen(loops_->first(), address));
      acceptors_.push_back(std::move(acceptor));
    }
    for (tcp::acceptor& acceptor : acceptors_) {
      Spawn(acceptor.get_executor(), Accept(shared_from_this(), &acceptor));
    }
    return absl::OkStatus();
  }

  std::vector<std::string> addresses() const {
    std::vector<std::string> result;
    for (const tcp::acceptor& acceptor : acceptors_) {
      result.push_back(ToString(acceptor.local_endpoint()));
    }
    return result;
  }

  void Drain(std::chrono::milliseconds timeout) {
    asio::post(loops_->first(), [self = shared_from_this()] {
      boost::system::error_code ignored;
      for (tcp::acceptor& acceptor : self->acceptors_) acceptor.close(ignored);
    });
    admissions_->Drain();
    if (admissions_->AwaitNone(absl::FromChrono(timeout))) return;
    spdlog::warn("{} connections had not finished in time and are cut off", admissions_->count());
    do {
      for (const auto& served : admissions_->Served()) served->Abort();
    } while (!admissions_->AwaitNone(absl::Milliseconds(100)));
  }

 private:
  static asio::awaitable<void> Accept(std::shared_ptr<Impl> self, tcp::acceptor* acceptor) {
    asio::steady_timer pause(acceptor->get_executor());
    while (acceptor->is_open()) {
      auto [error, socket] = co_await acceptor->async_accept(self->loops_->Next(), kAwaitable);
      if (!error) {
        self->Admit(std::move(socket));
        continue;
      }
      if (!acceptor->is_open()) break;
      spdlog::warn("cannot accept a connection: {}", error.message());
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kAwaitable);
    }
  }

  void Admit(tcp::socket socket) {
    boost::system::error_code error;
    const tcp::endpoint peer = socket.remote_endpoint(error);
    if (error) return;  // gone already
    absl::Status refusal;
    const size_t count = admissions_->count();
    if (count >= options_.max_connections + kMaxRefusals) return;
    if (count >= options_.max_connections) {
      refusal =
          absl::ResourceExhaustedError(absl::StrCat("the server has its ", options_.max_connections,
                                                    " connections already; try again in a moment"));
    }
    AcceptedSocket accepted{std::move(socket), ToString(peer), admissions_->Admit()};
    const auto executor = accepted.socket.get_executor();
    Spawn(executor, ServeByFirstBytes(std::move(accepted), dialects_, options_.first_bytes_timeout,
                                      std::move(refusal)));
  }

  EventLoops* const loops_;
  const std::shared_ptr<const std::vector<std::unique_ptr<Dialect>>> dialects_;
  const Options options_;
  const std::shared_ptr<Admissions> admissions_ = std::make_shared<Admissions>();
  std::vector<tcp::acceptor> acceptors_;
};

absl::StatusOr<std::unique_ptr<FrontDoor>> FrontDoor::Open(
    EventLoops* loops, std::vector<std::unique_ptr<Dialect>> dialects, const Options& options) {
  auto impl = std::make_shared<Impl>(loops, std::move(dialects), options);
  DRAY_RETURN_IF_ERROR(impl->Listen());
  return std::unique_ptr<FrontDoor>(new FrontDoor(std::move(impl)));
}

FrontDoor::FrontDoor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
FrontDoor::~FrontDoor() = default;

std::vector<std::string> FrontDoor::addresses() const { return impl_->addresses(); }
void FrontDoor::Drain(std::chrono::milliseconds timeout) { impl_->Drain(timeout); }

}  // namespace dray::transfer
