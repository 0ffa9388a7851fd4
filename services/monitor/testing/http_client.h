#ifndef DRAY_SERVICES_MONITOR_TESTING_HTTP_CLIENT_H_
#define DRAY_SERVICES_MONITOR_TESTING_HTTP_CLIENT_H_

#include <string>
#include <string_view>

#include "core/base/file.h"

namespace dray::monitor {

// A TCP connection of a test. Every wait ends after 20 s.
class TestConnection {
 public:
  // `address` is "127.0.0.1:port".
  explicit TestConnection(const std::string& address);

  void Send(std::string_view bytes);
  // What comes until the peer closes.
  std::string ReadAll();
  // What comes until it ends with `end`, or the peer closes.
  std::string ReadUntil(std::string_view end);
  // What comes until `what` is in it, and perhaps more, or the peer closes.
  std::string ReadPast(std::string_view what);

 private:
  UniqueFd fd_;
};

// One whole exchange: sends `request` as it is and returns all that comes back.
std::string Exchange(const std::string& address, std::string_view request);

// A GET on a connection of its own: status line, headers and body.
std::string Get(const std::string& address, std::string_view path);

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_TESTING_HTTP_CLIENT_H_
