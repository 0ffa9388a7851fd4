#ifndef DRAY_SERVICES_DELTA_CATALOG_CONSISTENCY_H_
#define DRAY_SERVICES_DELTA_CATALOG_CONSISTENCY_H_

#include "core/base/status.h"
#include "core/database/database.h"
#include "services/delta/catalog/types.h"

namespace dray::delta {

// Walks every table: each node decodes, has the id and length it is filed under, and stands on
// chunks and nodes that exist with the lengths it gives; each version's root exists; each entry's
// newest version is its head, and what is live lies in live folders beneath the top; rules of
// retention are what was set; every reference count is what recounting gives. An error means that
// the walk itself failed. REQUIRES: a read transaction is open.
absl::StatusOr<ConsistencyReport> CheckConsistency(Database& database);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_CONSISTENCY_H_
