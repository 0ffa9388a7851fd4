#ifndef DRAY_SERVICES_DELTA_CATALOG_OPEN_CATALOG_H_
#define DRAY_SERVICES_DELTA_CATALOG_OPEN_CATALOG_H_

#include <functional>
#include <memory>
#include <string>

#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// Opens the catalog that a --catalog flag names: "sqlite:FILE" (docs at OpenSqliteCatalog).
// INVALID_ARGUMENT for anything else. `on_commit`, if not empty, is told after each commit how many
// operations shared it and how many seconds it took.
absl::StatusOr<std::unique_ptr<Catalog>> OpenCatalog(
    const std::string& name, std::function<void(size_t operations, double seconds)> on_commit = {});

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_OPEN_CATALOG_H_
