#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_RETENTION_REQUESTS_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_RETENTION_REQUESTS_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>

#include "dray/wire/v1/wire.pb.h"

namespace dray::transfer::native {

class Connection;

// Serve SetRetention and ListRetentions: docs/format/wire.md, "Retention". UNIMPLEMENTED says so
// where delta is too old. REQUIRES: the path is one.
boost::asio::awaitable<void> SetRetention(std::shared_ptr<Connection> connection, uint16_t request,
                                          wire::v1::SetRetention set);
boost::asio::awaitable<void> ListRetentions(std::shared_ptr<Connection> connection,
                                            uint16_t request, wire::v1::ListRetentions list);

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_RETENTION_REQUESTS_H_
