#ifndef DRAY_CORE_NET_SPAWN_H_
#define DRAY_CORE_NET_SPAWN_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace dray {

// Starts a coroutine that nobody waits for; what it needs it must keep alive itself. Unlike
// co_spawn, cheap to compile.
void Spawn(const boost::asio::any_io_executor& executor, boost::asio::awaitable<void> coroutine);

}  // namespace dray

#endif  // DRAY_CORE_NET_SPAWN_H_
