#include "core/net/listen.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/system/error_code.hpp>

namespace dray {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

constexpr int kBacklog = 1024;

absl::Status CannotListen(const Address& address, const error_code& error) {
  const std::string context = absl::StrCat("cannot listen on ", address.ToString());
  if (error == boost::asio::error::address_in_use) {
    return absl::FailedPreconditionError(absl::StrCat(
        context, ": the port is in use; stop the other program, or choose another port"));
  }
  if (error.value() == EADDRNOTAVAIL) {
    return absl::InvalidArgumentError(absl::StrCat(context, ": this machine has no such address"));
  }
  return ErrnoStatus(error.value(), context);
}

absl::StatusOr<tcp::endpoint> ResolveHost(boost::asio::io_context& loop, const Address& address) {
  tcp::resolver resolver(loop);
  error_code error;
  const auto found =
      resolver.resolve(address.host, std::to_string(address.port),
                       tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on ", address.ToString(), ": unknown host: ", error.message()));
  }
  return found.begin()->endpoint();
}

}  // namespace

absl::StatusOr<tcp::acceptor> Listen(boost::asio::io_context& loop, const Address& address) {
  DRAY_ASSIGN_OR_RETURN(const tcp::endpoint endpoint, ResolveHost(loop, address));
  tcp::acceptor acceptor(loop);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && endpoint.address().is_v6()) {
    acceptor.set_option(boost::asio::ip::v6_only(true), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (!error) acceptor.non_blocking(true, error);
  if (error) return CannotListen(address, error);
  return acceptor;
}

std::string ToString(const tcp::endpoint& endpoint) {
  const auto& address = endpoint.address();
  const std::string host =
      address.is_v6() && address.to_v6().is_v4_mapped()
          ? boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6())
                .to_string()
          : address.to_string();
  return Address{host, endpoint.port()}.ToString();
}

}  // namespace dray
