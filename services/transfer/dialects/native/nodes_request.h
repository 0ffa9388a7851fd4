#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_NODES_REQUEST_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_NODES_REQUEST_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>

#include "core/base/status.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray::transfer::native {

class Connection;

// INVALID_ARGUMENT for ids that are none, or too many.
absl::Status CheckGetNodes(const wire::v1::GetNodes& get);

// Serves GetNodes: encodings of nodes, as short as the nodes that the client has make them.
// REQUIRES: CheckGetNodes was OK.
boost::asio::awaitable<void> SendNodes(std::shared_ptr<Connection> connection, uint16_t request,
                                       wire::v1::GetNodes get);

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_NODES_REQUEST_H_
