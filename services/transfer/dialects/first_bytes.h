#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_FIRST_BYTES_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_FIRST_BYTES_H_

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "services/transfer/dialects/dialect.h"

namespace dray::transfer {

// Waits for a connection's first bytes, and hands it to the dialect that knows them, or to nobody:
// what nobody knows is logged and closed. With `refusal` not OK, the dialect is only to tell that.
boost::asio::awaitable<void> ServeByFirstBytes(
    AcceptedSocket accepted, std::shared_ptr<const std::vector<std::unique_ptr<Dialect>>> dialects,
    std::chrono::milliseconds timeout, absl::Status refusal);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_FIRST_BYTES_H_
