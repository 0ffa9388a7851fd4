#ifndef DRAY_SERVICES_DELTA_ENGINE_MD5S_H_
#define DRAY_SERVICES_DELTA_ENGINE_MD5S_H_

#include "core/base/status.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// Answers FilesWithoutMd5.
absl::Status ListWithoutMd5(CatalogView& view, const v1::FilesWithoutMd5Request& request,
                            v1::VersionsResponse* response);

// What SetMd5s does. INVALID_ARGUMENT unless each root has 32 bytes and each MD5 16.
absl::Status KeepMd5s(CatalogTransaction& transaction, const v1::SetMd5sRequest& request);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_MD5S_H_
