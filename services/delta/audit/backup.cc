#include "services/delta/audit/backup.h"

#include "services/delta/catalog/catalog_backup.h"
#include "services/delta/catalog/open_catalog.h"

namespace dray::delta {

absl::Status Backup(const std::string& catalog, const std::string& target) {
  DRAY_ASSIGN_OR_RETURN(const std::string file, CatalogFile(catalog));
  return BackUpCatalog(file, target);
}

}  // namespace dray::delta
