#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_NATIVE_DIALECT_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_NATIVE_DIALECT_H_

#include <memory>

#include "services/transfer/dialects/dialect.h"
#include "services/transfer/dialects/native/options.h"
#include "services/transfer/engine/engine.h"

namespace prometheus {
class Registry;
}

namespace dray::transfer::native {

// Dray's own dialect: docs/format/wire.md. Registry and all of `engine` outlive it and its
// connections, and it outlives these.
std::unique_ptr<Dialect> MakeDialect(const Engine& engine, prometheus::Registry& registry,
                                     Options options);

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_NATIVE_DIALECT_H_
