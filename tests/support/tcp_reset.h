#ifndef DRAY_TESTS_SUPPORT_TCP_RESET_H_
#define DRAY_TESTS_SUPPORT_TCP_RESET_H_

#include <optional>
#include <string>
#include <string_view>

namespace dray::testing {

// The resets that a firewall would send which knows nothing of a connection any more.
struct TcpResets {
  std::string to_source;
  std::string to_destination;
};

// Answers an IPv4 packet; nothing unless it is a TCP segment that is no reset itself. RFC 9293.
std::optional<TcpResets> ResetsFor(std::string_view packet);

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_TCP_RESET_H_
