#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_RESERVED_DIALECT_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_RESERVED_DIALECT_H_

#include <memory>
#include <vector>

#include "services/transfer/dialects/dialect.h"

namespace dray::transfer {

// The first bytes that docs/format/wire.md keeps for dialects that this server does not speak: TLS
// and HTTP. Such connections are named in the log, and closed.
std::vector<std::unique_ptr<Dialect>> ReservedDialects();

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_RESERVED_DIALECT_H_
