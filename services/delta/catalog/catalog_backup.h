#ifndef DRAY_SERVICES_DELTA_CATALOG_CATALOG_BACKUP_H_
#define DRAY_SERVICES_DELTA_CATALOG_CATALOG_BACKUP_H_

#include <string>

#include "core/base/status.h"

namespace dray::delta {

// Copies the catalog in `file` as it is at one moment to `target`, which is there, whole and
// durable, or not at all. The service may run meanwhile and waits for nothing. ALREADY_EXISTS when
// `target` is there.
absl::Status BackUpCatalog(const std::string& file, const std::string& target);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_CATALOG_BACKUP_H_
