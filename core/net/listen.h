#ifndef DRAY_CORE_NET_LISTEN_H_
#define DRAY_CORE_NET_LISTEN_H_

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "core/base/status.h"
#include "core/net/address.h"

namespace boost::asio {
class io_context;
}

namespace dray {

// Listens on `address`, whose host may be a name (its first address is taken); an IPv6 socket
// serves IPv6 only. Nobody else can listen on the same port. Errors say what to do: the port is in
// use, the address is not this machine's. May block while it looks a name up.
absl::StatusOr<boost::asio::ip::tcp::acceptor> Listen(boost::asio::io_context& loop,
                                                      const Address& address);

// "127.0.0.1:5000", "[::1]:5000"; IPv4-mapped addresses are written as IPv4.
std::string ToString(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace dray

#endif  // DRAY_CORE_NET_LISTEN_H_
