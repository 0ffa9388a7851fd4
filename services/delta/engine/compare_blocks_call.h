#ifndef DRAY_SERVICES_DELTA_ENGINE_COMPARE_BLOCKS_CALL_H_
#define DRAY_SERVICES_DELTA_ENGINE_COMPARE_BLOCKS_CALL_H_

#include <grpcpp/support/server_callback.h>

#include "dray/delta/v1/delta.pb.h"
#include "services/delta/engine/block_comparison.h"
#include "services/delta/engine/calls.h"

namespace dray::delta {

// One CompareBlocks stream: each step is answered before the next is read. Owns itself.
class CompareBlocksCall final
    : public grpc::ServerBidiReactor<v1::CompareBlocksRequest, v1::CompareBlocksResponse> {
 public:
  // The catalog outlives the call.
  CompareBlocksCall(CallTimer timer, Catalog& catalog);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;

 private:
  void KeepStored();
  absl::Status Answer(CatalogView& view);
  void End(const absl::Status& status);

  CallTimer timer_;
  Catalog& catalog_;
  BlockComparison comparison_;
  v1::CompareBlocksRequest request_;
  v1::CompareBlocksResponse response_;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_COMPARE_BLOCKS_CALL_H_
