#ifndef DRAY_SERVICES_DELTA_ENGINE_RETENTIONS_H_
#define DRAY_SERVICES_DELTA_ENGINE_RETENTIONS_H_

#include "core/base/status.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// What SetRetention does. INVALID_ARGUMENT for a path that is none, bounds that are missing or too
// large, and bounds given for a rule that is to go.
absl::Status SetRetentionRule(CatalogTransaction& transaction,
                              const v1::SetRetentionRequest& request);

// Answers ListRetentions.
absl::Status ListRetentionRules(CatalogView& view, v1::ListRetentionsResponse* response);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_RETENTIONS_H_
