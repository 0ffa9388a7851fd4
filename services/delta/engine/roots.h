#ifndef DRAY_SERVICES_DELTA_ENGINE_ROOTS_H_
#define DRAY_SERVICES_DELTA_ENGINE_ROOTS_H_

#include "core/base/status.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// The roots of versions of what is live now. INVALID_ARGUMENT for too many versions.
// Fast where neighbours in the request lie in the same folder.
absl::Status FindRoots(CatalogView& view, const v1::FindRootsRequest& request,
                       v1::FindRootsResponse* response);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_ROOTS_H_
