#ifndef DRAY_CORE_NET_CONDITION_H_
#define DRAY_CORE_NET_CONDITION_H_

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "core/net/suspend.h"

namespace dray {

// A condition variable for the coroutines of one event loop thread:
//   while (!ready) co_await condition.Wait();
// Not thread-safe. Waiters must be gone, or on their way after NotifyAll(), when it is destroyed.
class Condition {
 public:
  // Returns after a later NotifyAll().
  boost::asio::awaitable<void> Wait();
  void NotifyAll();

 private:
  std::vector<Resume> waiters_;
};

}  // namespace dray

#endif  // DRAY_CORE_NET_CONDITION_H_
