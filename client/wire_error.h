#ifndef DRAY_CLIENT_WIRE_ERROR_H_
#define DRAY_CLIENT_WIRE_ERROR_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "core/base/status.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// An Error frame as a status; what it says about retrying travels with the status.
absl::Status StatusFromWire(const wire::v1::Error& error);

// Whether the same request may work later: by its code, or because the server said so (for
// RESOURCE_EXHAUSTED it has to).
bool MayRetry(const absl::Status& status);

// When the server wants to be asked again, if it said so.
std::optional<absl::Duration> RetryAfter(const absl::Status& status);

// Whether a connection's id, as a server sent it, can harm neither a terminal nor a log.
bool IsPlainId(const std::string& id);

// The id under which the server's log, its events and monitor's page know the connection on which
// the error came; empty if it is none of the server's.
std::string ConnectionIdOf(const absl::Status& status);

}  // namespace dray

#endif  // DRAY_CLIENT_WIRE_ERROR_H_
