#ifndef DRAY_SERVICES_DELTA_CATALOG_OPEN_CATALOG_H_
#define DRAY_SERVICES_DELTA_CATALOG_OPEN_CATALOG_H_

#include <functional>
#include <memory>
#include <string>

#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// The file that a --catalog flag names: "sqlite:FILE". INVALID_ARGUMENT for anything else.
absl::StatusOr<std::string> CatalogFile(const std::string& name);

// Opens the catalog that a --catalog flag names (docs at OpenSqliteCatalog). `on_commit`, if not
// empty, is told after each commit how many operations shared it and how many seconds it took.
absl::StatusOr<std::unique_ptr<Catalog>> OpenCatalog(
    const std::string& name, std::function<void(size_t operations, double seconds)> on_commit = {});

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_OPEN_CATALOG_H_
