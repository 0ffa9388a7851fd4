#ifndef DRAY_SERVICES_DELTA_AUDIT_BACKUP_H_
#define DRAY_SERVICES_DELTA_AUDIT_BACKUP_H_

#include <string>

#include "core/base/status.h"

namespace dray::delta {

// `dray-delta backup FILE`: copies the catalog ("sqlite:FILE") as it is now; see BackUpCatalog.
absl::Status Backup(const std::string& catalog, const std::string& target);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_AUDIT_BACKUP_H_
