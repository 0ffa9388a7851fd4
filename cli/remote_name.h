#ifndef DRAY_CLI_REMOTE_NAME_H_
#define DRAY_CLI_REMOTE_NAME_H_

#include <optional>
#include <string>

#include "core/base/status.h"
#include "core/net/address.h"

namespace dray {

// What a user calls something on a server: "dray://host:port/path", or ":path" or ":/path" on the
// default server. Escapes (\\, \xHH: core/base/path.h) stand for bytes that cannot be typed.
struct RemoteName {
  std::optional<Address> server;  // none: the default one
  std::string path;               // relative to the server's top, checked
  bool folder = false;            // said to be one: it ends with "/", or is the top
};

inline constexpr uint16_t kDefaultPort = 5000;

bool LooksRemote(const std::string& text);

// INVALID_ARGUMENT says what is wrong. REQUIRES: LooksRemote(text), else that is what is wrong.
absl::StatusOr<RemoteName> ParseRemoteName(const std::string& text);

}  // namespace dray

#endif  // DRAY_CLI_REMOTE_NAME_H_
