#ifndef DRAY_SERVICES_DELTA_CATALOG_CATALOG_LOCK_H_
#define DRAY_SERVICES_DELTA_CATALOG_CATALOG_LOCK_H_

#include <string>

#include "core/base/file.h"
#include "core/base/status.h"

namespace dray::delta {

// Holds FILE.lock for as long as the result lives: one process at a time writes a catalog.
// FAILED_PRECONDITION names the one that has it.
absl::StatusOr<UniqueFd> LockCatalog(const std::string& file);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_CATALOG_LOCK_H_
