#ifndef DRAY_SERVICES_DELTA_CATALOG_SQLITE_CATALOG_H_
#define DRAY_SERVICES_DELTA_CATALOG_SQLITE_CATALOG_H_

#include <memory>
#include <string>

#include "services/delta/catalog/catalog.h"
#include "services/delta/catalog/write_queue.h"

namespace dray::delta {

struct SqliteCatalogOptions {
  std::string file;    // made if need be, with its folder
  size_t readers = 4;  // connections and threads for reading
  WriteQueue::Options writes;
};

// Opens a catalog in a SQLite file, and holds FILE.lock for as long as it is open:
// FAILED_PRECONDITION when another process does, or when the file's schema is newer than this
// program. An older schema is migrated. REQUIRES: nothing is being read or written when it is
// destroyed.
absl::StatusOr<std::unique_ptr<Catalog>> OpenSqliteCatalog(SqliteCatalogOptions options);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_SQLITE_CATALOG_H_
