#ifndef DRAY_SERVICES_DELTA_CHECK_H_
#define DRAY_SERVICES_DELTA_CHECK_H_

#include <ostream>
#include <string>

#include "core/base/status.h"

namespace dray::delta {

// `dray-delta check`: walks the catalog (no dray-delta may be running on it) and writes what it
// found to `out`. DATA_LOSS when something is wrong.
absl::Status CheckCatalog(const std::string& catalog, std::ostream& out);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CHECK_H_
