#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_ROOTS_REQUEST_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_ROOTS_REQUEST_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>

#include "core/base/status.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray::transfer::native {

class Connection;

// INVALID_ARGUMENT for none or too many, and for paths that are none.
absl::Status CheckGetRoots(const wire::v1::GetRoots& get);

// Serves GetRoots. REQUIRES: CheckGetRoots was OK.
boost::asio::awaitable<void> SendRoots(std::shared_ptr<Connection> connection, uint16_t request,
                                       wire::v1::GetRoots get);

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_ROOTS_REQUEST_H_
