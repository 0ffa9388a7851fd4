#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_ENTRIES_REQUEST_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_ENTRIES_REQUEST_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>

#include "dray/wire/v1/wire.pb.h"

namespace dray::transfer::native {

class Connection;

// Serves GetEntries: the ids and lengths of a version's chunks.
boost::asio::awaitable<void> SendEntries(std::shared_ptr<Connection> connection, uint16_t request,
                                         wire::v1::GetEntries get);

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_ENTRIES_REQUEST_H_
