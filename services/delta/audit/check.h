#ifndef DRAY_SERVICES_DELTA_AUDIT_CHECK_H_
#define DRAY_SERVICES_DELTA_AUDIT_CHECK_H_

#include <ostream>
#include <string>

#include "core/base/status.h"

namespace dray::delta {

struct CheckFlags {
  std::string catalog;                      // "sqlite:FILE"
  std::string transfer = "127.0.0.1:5050";  // its admin port
  bool catalog_only = false;                // do not look at chunks
};

// `dray-delta check`: whether the catalog is consistent, every chunk that it names is readable and
// has its id; places in segments that hold no record are noted. Writes what it finds to `out`, with
// the files that suffer from it; changes nothing, and may run beside the services. DATA_LOSS when
// something is wrong.
absl::Status Check(const CheckFlags& flags, std::ostream& out);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_AUDIT_CHECK_H_
