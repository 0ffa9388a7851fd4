#ifndef DRAY_SERVICES_DELTA_ENGINE_SEGMENTS_H_
#define DRAY_SERVICES_DELTA_ENGINE_SEGMENTS_H_

#include <vector>

#include "core/base/status.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/delta/catalog/catalog.h"
#include "services/delta/engine/response_source.h"

namespace dray::delta {

// What transfer asks and tells when it gives segments back.
class SegmentUseSource final : public ResponseSource<v1::SegmentUsesResponse> {
 public:
  absl::StatusOr<bool> Next(CatalogView& view,
                            std::vector<v1::SegmentUsesResponse>* messages) override;

 private:
  SegmentId last_{0};
};

// INVALID_ARGUMENT for more than the protocol allows, or places that are none.
absl::Status MoveChunks(CatalogTransaction& transaction, const v1::MoveChunksRequest& request,
                        v1::MoveChunksResponse* response);
absl::Status RetireSegments(CatalogTransaction& transaction,
                            const v1::RetireSegmentsRequest& request,
                            v1::RetireSegmentsResponse* response);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_SEGMENTS_H_
