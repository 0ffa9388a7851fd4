#ifndef DRAY_SERVICES_DELTA_AUDIT_REBUILD_H_
#define DRAY_SERVICES_DELTA_AUDIT_REBUILD_H_

#include <ostream>
#include <string>

#include "core/base/status.h"

namespace dray::delta {

struct RebuildFlags {
  std::string catalog;                      // "sqlite:FILE"
  std::string transfer = "127.0.0.1:5050";  // its admin port
};

// `dray-delta rebuild`: makes the catalog's chunk rows anew from what transfer's segments hold, and
// drops what does not stand on them; see CatalogRebuild. No service may use the catalog meanwhile.
// Writes what it did to `out`. DATA_LOSS when versions cannot be read whole afterwards; the catalog
// is in its place all the same.
absl::Status Rebuild(const RebuildFlags& flags, std::ostream& out);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_AUDIT_REBUILD_H_
