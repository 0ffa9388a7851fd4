#ifndef DRAY_SERVICES_DELTA_AUDIT_GC_H_
#define DRAY_SERVICES_DELTA_AUDIT_GC_H_

#include <ostream>
#include <string>

#include "core/base/status.h"

namespace dray::delta {

struct GcFlags {
  std::string catalog;                   // "sqlite:FILE", for a dry run
  std::string delta = "127.0.0.1:5051";  // the running service
  bool dry_run = false;
};

// `dray-delta gc`: has the running service drop what retention does not keep and collect what
// nothing refers to, and tells what went. A dry run does the same to a copy of the catalog, made
// beside it and removed again, and tells what would go if nothing else happened; the service may
// run meanwhile.
absl::Status Gc(const GcFlags& flags, std::ostream& out);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_AUDIT_GC_H_
