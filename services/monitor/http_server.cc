#include "services/monitor/http_server.h"

#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <unordered_set>

#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/net/event_loops.h"
#include "core/net/listen.h"
#include "core/net/spawn.h"

namespace dray::monitor {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Response = http::response<http::string_body>;
using Parser = http::request_parser<http::string_body>;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr absl::Duration kStopTimeout = absl::Seconds(1);
// What a peer still sends after an error is read and dropped, else the close would take the error's
// response with it.
constexpr int kMaxLingeringReads = 16;
constexpr auto kLingering = std::chrono::seconds(1);

HttpResponse Failure(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(text);
  return response;
}

// Nothing for errors of the connection rather than of the request.
std::optional<HttpResponse> ResponseTo(const error_code& error) {
  if (error == http::error::end_of_stream || error == beast::error::timeout) return std::nullopt;
  if (error == http::error::header_limit)
    return Failure(431, "the request's header is too large\n");
  if (error == http::error::body_limit) return Failure(413, "the request's body is too large\n");
  const bool bad_http = error.category() == make_error_code(http::error::bad_method).category() &&
                        error != http::error::partial_message;
  if (bad_http) return Failure(400, "this is not a valid HTTP request\n");
  return std::nullopt;
}

Response ToBeast(HttpResponse from, bool head, bool keep_alive, unsigned version) {
  Response response;
  response.version(version);
  response.result(static_cast<unsigned>(from.status));
  response.set(http::field::content_type, from.content_type);
  for (const auto& [name, value] : from.headers) response.set(name, value);
  response.keep_alive(keep_alive);
  response.content_length(from.body.size());
  if (!head) response.body() = std::move(from.body);
  return response;
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Options options, Handler handler)
      : options_(std::move(options)), handler_(std::move(handler)), loops_(1, "http") {}

  ~Impl() {
    asio::post(loops_.first(), [this] { BeginStop(); });
    SleepUnless([this] { return Drained(); }, kStopTimeout);
    loops_.Stop();
    acceptor_.reset();
  }

  absl::Status Listen() {
    DRAY_ASSIGN_OR_RETURN(tcp::acceptor acceptor, dray::Listen(loops_.first(), options_.listen));
    error_code error;
    const tcp::endpoint endpoint = acceptor.local_endpoint(error);
    if (error) return ErrnoStatus(error.value(), "cannot tell the address listened on");
    address_ = ToString(endpoint);
    acceptor_.emplace(std::move(acceptor));
    Spawn(loops_.first().get_executor(), Accept());
    return absl::OkStatus();
  }

  const std::string& address() const { return address_; }

 private:
  // One connection; it is known to the server for as long as it lives.
  class Session {
   public:
    Session(Impl* server, tcp::socket socket) : stream(std::move(socket)), server_(server) {
      server_->sessions_.insert(this);
    }
    ~Session() {
      server_->sessions_.erase(this);
      server_->TellIfDrained();
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    beast::tcp_stream stream;
    beast::flat_buffer buffer;
    bool writing = false;
    asio::steady_timer pause{stream.get_executor()};

   private:
    Impl* const server_;
  };

  asio::awaitable<void> Accept() {
    while (!stopping_) {
      auto [error, socket] = co_await acceptor_->async_accept(kToken);
      if (stopping_) break;
      if (error) {
        co_await PauseAfter(error);
      } else if (sessions_.size() < static_cast<size_t>(options_.max_connections)) {
        Spawn(loops_.first().get_executor(), Serve(std::move(socket)));
      }
    }
  }

  // Out of file descriptors, for instance: others must end first.
  asio::awaitable<void> PauseAfter(error_code error) {
    spdlog::warn("cannot accept an HTTP connection: {}", error.message());
    asio::steady_timer timer(loops_.first(), std::chrono::milliseconds(100));
    co_await timer.async_wait(kToken);
  }

  asio::awaitable<void> Serve(tcp::socket socket) {
    Session session(this, std::move(socket));
    while (!stopping_) {
      const bool goes_on = co_await ServeOne(session);
      if (!goes_on) break;
    }
    co_await Close(session);
  }

  // Whether the connection stays open.
  asio::awaitable<bool> ServeOne(Session& session) {
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
    parser.body_limit(options_.max_body_bytes);
    session.stream.expires_after(absl::ToChronoNanoseconds(options_.timeout));
    auto [error, read] = co_await http::async_read(session.stream, session.buffer, parser, kToken);
    if (error) {
      std::optional<HttpResponse> failure = ResponseTo(error);
      if (failure.has_value()) {
        Response response = ToBeast(std::move(*failure), false, false, 11);
        co_await Send(session, response);
      }
      co_return false;
    }
    HttpResponse answer = Answer(parser.get());
    const bool head = parser.get().method() == http::verb::head;
    if (answer.next_part && !head) {
      co_await Stream(session, std::move(answer), parser.get().version());
      co_return false;
    }
    Response response = ToBeast(std::move(answer), head, parser.get().keep_alive() && !stopping_,
                                parser.get().version());
    const bool sent = co_await Send(session, response);
    co_return sent&& response.keep_alive();
  }

  HttpResponse Answer(const Parser::value_type& request) {
    HttpRequest plain;
    plain.method = request.method() == http::verb::head ? "GET" : request.method_string();
    const std::string target(request.target());
    plain.path = target.substr(0, target.find('?'));
    plain.host = std::string(request[http::field::host]);
    plain.if_none_match = std::string(request[http::field::if_none_match]);
    if (unsent_bytes_ > options_.max_unsent_bytes) {
      return Failure(503, "too many responses wait to be read; try later\n");
    }
    HttpResponse response = handler_(plain);
    if (response.next_part && streams_ >= options_.max_streams) {
      return Failure(503, "too many streams are open; ask for /api/snapshot now and then\n");
    }
    return response;
  }

  // The end of the connection is the end of the response, so it needs no lengths.
  asio::awaitable<void> Stream(Session& session, HttpResponse answer, unsigned version) {
    const auto next_part = std::move(answer.next_part);
    Response response = ToBeast(std::move(answer), false, false, version);
    response.erase(http::field::content_length);
    ++streams_;
    bool goes_on = co_await Send(session, response);
    while (goes_on && !stopping_) {
      const std::shared_ptr<const std::string> part = next_part();
      if (part != nullptr) goes_on = co_await SendPart(session, *part);
      if (!goes_on || stopping_) break;
      session.pause.expires_after(absl::ToChronoNanoseconds(options_.stream_period));
      co_await session.pause.async_wait(kToken);
    }
    --streams_;
  }

  asio::awaitable<bool> SendPart(Session& session, const std::string& part) {
    session.writing = true;
    session.stream.expires_after(absl::ToChronoNanoseconds(options_.timeout));
    auto [error, written] = co_await asio::async_write(session.stream, asio::buffer(part), kToken);
    session.writing = false;
    co_return !error;
  }

  asio::awaitable<bool> Send(Session& session, Response& response) {
    const size_t bytes = response.body().size();
    session.writing = true;
    unsent_bytes_ += bytes;
    session.stream.expires_after(absl::ToChronoNanoseconds(options_.timeout));
    auto [error, written] = co_await http::async_write(session.stream, response, kToken);
    unsent_bytes_ -= bytes;
    session.writing = false;
    co_return !error;
  }

  asio::awaitable<void> Close(Session& session) {
    error_code ignored;
    session.stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
    session.stream.expires_after(kLingering);
    std::array<char, 4096> dropped;
    for (int i = 0; i < kMaxLingeringReads && !stopping_; ++i) {
      auto [error, read] = co_await session.stream.async_read_some(asio::buffer(dropped), kToken);
      if (error) break;
    }
  }

  void BeginStop() {
    stopping_ = true;
    error_code ignored;
    if (acceptor_.has_value()) acceptor_->close(ignored);
    for (Session* session : sessions_) {
      if (!session->writing) session->stream.cancel();
      session->pause.cancel();
    }
    TellIfDrained();
  }

  bool Drained() {
    absl::MutexLock lock(&mutex_);
    return drained_;
  }
  void TellIfDrained() {
    if (!stopping_ || !sessions_.empty()) return;
    absl::MutexLock lock(&mutex_);
    drained_ = true;
  }

  const Options options_;
  const Handler handler_;
  std::string address_;

  // The loop's.
  std::optional<tcp::acceptor> acceptor_;
  std::unordered_set<Session*> sessions_;
  size_t unsent_bytes_ = 0;
  int streams_ = 0;
  bool stopping_ = false;

  absl::Mutex mutex_;
  bool drained_ ABSL_GUARDED_BY(mutex_) = false;
  // Last, so that coroutines are destroyed before what they use.
  EventLoops loops_;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(Options options, Handler handler) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handler));
  DRAY_RETURN_IF_ERROR(impl->Listen());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

const std::string& HttpServer::address() const { return impl_->address(); }

}  // namespace dray::monitor
