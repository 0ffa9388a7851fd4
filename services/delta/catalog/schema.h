#ifndef DRAY_SERVICES_DELTA_CATALOG_SCHEMA_H_
#define DRAY_SERVICES_DELTA_CATALOG_SCHEMA_H_

#include "core/base/status.h"
#include "core/database/database.h"

namespace dray::delta {

// The schema that this program writes; PRAGMA user_version tells which one a file has.
int NewestSchema();

// Brings a database, new or old, to schema `target`, step by step, each step in a transaction of
// its own. FAILED_PRECONDITION when the file's schema is newer than NewestSchema().
absl::Status Migrate(Database& database, int target);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_SCHEMA_H_
