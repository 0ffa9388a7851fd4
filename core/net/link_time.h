#ifndef DRAY_CORE_NET_LINK_TIME_H_
#define DRAY_CORE_NET_LINK_TIME_H_

#include "absl/time/time.h"

namespace dray {

// How long, since it was connected, the TCP socket `fd` had bytes under way that its peer had room
// for: what the sender waits for then is the link. Grows; zero where the kernel does not tell.
absl::Duration LinkTime(int fd);

}  // namespace dray

#endif  // DRAY_CORE_NET_LINK_TIME_H_
