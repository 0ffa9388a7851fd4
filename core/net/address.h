#ifndef DRAY_CORE_NET_ADDRESS_H_
#define DRAY_CORE_NET_ADDRESS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/status.h"

namespace dray {

// A host and a port as people write them: "127.0.0.1:5000", "[::1]:5000", "files.example:5000".
struct Address {
  std::string host;  // without brackets
  uint16_t port = 0;

  // "host:port", with brackets where the host has a colon.
  std::string ToString() const;
};

// INVALID_ARGUMENT says what is wrong with `text`. Without a port, `default_port` is taken; 0
// demands one.
absl::StatusOr<Address> ParseAddress(std::string_view text, uint16_t default_port = 0);

// Whether `host` is a literal loopback address (127.0.0.0/8, ::1, IPv4-mapped too) or "localhost".
// Other names are not looked up: false.
bool IsLoopback(std::string_view host);

}  // namespace dray

#endif  // DRAY_CORE_NET_ADDRESS_H_
