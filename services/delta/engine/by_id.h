#ifndef DRAY_SERVICES_DELTA_ENGINE_BY_ID_H_
#define DRAY_SERVICES_DELTA_ENGINE_BY_ID_H_

#include "core/base/status.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// What is known by its id alone, whatever version it belongs to. INVALID_ARGUMENT for ids that are
// none, or too many of them.
absl::Status ReadNodesById(CatalogView& view, const v1::ReadNodesRequest& request,
                           v1::ReadNodesResponse* response);
absl::Status FindChunksById(CatalogView& view, const v1::FindChunksRequest& request,
                            v1::FindChunksResponse* response);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_BY_ID_H_
