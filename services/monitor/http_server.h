#ifndef DRAY_SERVICES_MONITOR_HTTP_SERVER_H_
#define DRAY_SERVICES_MONITOR_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "core/base/status.h"
#include "core/net/address.h"

namespace dray::monitor {

struct HttpRequest {
  std::string method;         // "GET"
  std::string path;           // without what follows '?'
  std::string host;           // the Host header as it came; may be empty
  std::string if_none_match;  // the header of that name; may be empty
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  // If set, the response goes on after `body` until the peer or the server ends it: this is asked
  // for more once every `stream_period`. Called as the handler is. May return null: nothing now.
  std::function<std::shared_ptr<const std::string>()> next_part;
};

// A small HTTP/1.1 server on one thread of its own. What a peer can use up is bounded: connections,
// a request's size, the time it takes to send a request or to read the response, and the responses
// that wait to be read. What is not valid HTTP or too large gets 400, 413 or 431 and a closed
// connection. HEAD is answered as GET without the body.
class HttpServer {
 public:
  struct Options {
    Address listen;  // port 0: any free one
    int max_connections = 256;
    // For a request to arrive (and for an idle connection to send one), and for a response to be
    // read.
    absl::Duration timeout = absl::Seconds(10);
    size_t max_header_bytes = 8 << 10;
    size_t max_body_bytes = 1 << 10;
    // Beyond it, 503.
    size_t max_unsent_bytes = 256 << 20;
    // Responses that go on. Beyond it, 503. A peer that does not read a part within `timeout` is
    // cut off.
    int max_streams = 64;
    absl::Duration stream_period = absl::Seconds(1);
  };
  // Called on the server's thread, one call at a time; "GET" is passed for HEAD too.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(Options options, Handler handler);
  // Stops listening, lets responses that are being sent end (1 s at most), and closes all
  // connections.
  ~HttpServer();

  // Where it listens: "127.0.0.1:8000".
  const std::string& address() const;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_HTTP_SERVER_H_
