#include "core/net/link_time.h"

// Not <netinet/tcp.h>, whose tcp_info is older.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

namespace dray {

absl::Duration LinkTime(int fd) {
  tcp_info info = {};
  socklen_t size = sizeof(info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return absl::ZeroDuration();
  return absl::Microseconds(info.tcpi_busy_time -
                            std::min(info.tcpi_busy_time, info.tcpi_rwnd_limited));
}

}  // namespace dray
