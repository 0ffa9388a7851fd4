#ifndef DRAY_SERVICES_DELTA_CATALOG_ENTRY_PATH_H_
#define DRAY_SERVICES_DELTA_CATALOG_ENTRY_PATH_H_

#include <cstdint>
#include <string>

#include "core/database/database.h"

namespace dray::delta {

// An entry as a person would call it: ":/folder/name", escaped; "entry 17" where the catalog does
// not lead from it to the top.
std::string DescribeEntry(Database& database, int64_t entry);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_ENTRY_PATH_H_
