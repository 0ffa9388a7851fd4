#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_ROBUST_DIALECT_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_ROBUST_DIALECT_H_

#include <memory>

#include "services/transfer/dialects/dialect.h"
#include "services/transfer/dialects/robust/options.h"
#include "services/transfer/engine/engine.h"

namespace prometheus {
class Registry;
}

namespace dray::transfer::robust {

// The dialect of docs/format/robust.md. Registry and all of `engine` outlive it and its
// connections, and it outlives these.
std::unique_ptr<Dialect> MakeDialect(const Engine& engine, prometheus::Registry& registry,
                                     Options options);

}  // namespace dray::transfer::robust

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_ROBUST_DIALECT_H_
