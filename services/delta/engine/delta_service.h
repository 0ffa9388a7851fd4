#ifndef DRAY_SERVICES_DELTA_ENGINE_DELTA_SERVICE_H_
#define DRAY_SERVICES_DELTA_ENGINE_DELTA_SERVICE_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "dray/delta/v1/delta.grpc.pb.h"
#include "services/delta/catalog/catalog.h"
#include "services/delta/collection/collector.h"
#include "services/delta/engine/calls.h"
#include "services/delta/engine/changes.h"
#include "services/delta/engine/compare_session.h"
#include "services/delta/engine/delta_metrics.h"

namespace dray::delta {

// What the service works with; all of it outlives the service and every call.
struct DeltaServices {
  Catalog* catalog = nullptr;
  DeltaMetrics* metrics = nullptr;
  Leases* calls = nullptr;  // one for each call while it goes on
  Collector* collector = nullptr;
};

// The service of protos/dray/delta/v1/delta.proto on a catalog. Thread-safe.
class DeltaService final : public v1::Delta::CallbackService {
 public:
  DeltaService(const DeltaServices& services, NowFunction now);

  grpc::ServerBidiReactor<v1::CompareRequest, v1::CompareResponse>* Compare(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* AddChunks(grpc::CallbackServerContext* context,
                                      const v1::AddChunksRequest* request,
                                      v1::AddChunksResponse* response) override;
  grpc::ServerUnaryReactor* Commit(grpc::CallbackServerContext* context,
                                   const v1::CommitRequest* request,
                                   v1::CommitResponse* response) override;
  grpc::ServerUnaryReactor* CommitBatch(grpc::CallbackServerContext* context,
                                        const v1::CommitBatchRequest* request,
                                        v1::CommitBatchResponse* response) override;
  grpc::ServerWriteReactor<v1::ResolveResponse>* Resolve(
      grpc::CallbackServerContext* context, const v1::ResolveRequest* request) override;
  grpc::ServerUnaryReactor* FindRoots(grpc::CallbackServerContext* context,
                                      const v1::FindRootsRequest* request,
                                      v1::FindRootsResponse* response) override;
  grpc::ServerUnaryReactor* ReadNodes(grpc::CallbackServerContext* context,
                                      const v1::ReadNodesRequest* request,
                                      v1::ReadNodesResponse* response) override;
  grpc::ServerUnaryReactor* FindChunks(grpc::CallbackServerContext* context,
                                       const v1::FindChunksRequest* request,
                                       v1::FindChunksResponse* response) override;
  grpc::ServerWriteReactor<v1::VersionsResponse>* List(grpc::CallbackServerContext* context,
                                                       const v1::ListRequest* request) override;
  grpc::ServerUnaryReactor* Stat(grpc::CallbackServerContext* context,
                                 const v1::StatRequest* request,
                                 v1::ChangedResponse* response) override;
  grpc::ServerWriteReactor<v1::VersionsResponse>* History(
      grpc::CallbackServerContext* context, const v1::HistoryRequest* request) override;
  grpc::ServerUnaryReactor* Move(grpc::CallbackServerContext* context,
                                 const v1::MoveRequest* request,
                                 v1::ChangedResponse* response) override;
  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const v1::DeleteRequest* request,
                                   v1::ChangedResponse* response) override;
  grpc::ServerUnaryReactor* Restore(grpc::CallbackServerContext* context,
                                    const v1::RestoreRequest* request,
                                    v1::ChangedResponse* response) override;
  grpc::ServerBidiReactor<v1::CompareBlocksRequest, v1::CompareBlocksResponse>* CompareBlocks(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* FilesWithoutMd5(grpc::CallbackServerContext* context,
                                            const v1::FilesWithoutMd5Request* request,
                                            v1::VersionsResponse* response) override;
  grpc::ServerUnaryReactor* SetMd5s(grpc::CallbackServerContext* context,
                                    const v1::SetMd5sRequest* request,
                                    v1::SetMd5sResponse* response) override;
  grpc::ServerUnaryReactor* Collect(grpc::CallbackServerContext* context,
                                    const v1::CollectRequest* request,
                                    v1::CollectResponse* response) override;
  grpc::ServerWriteReactor<v1::SegmentUsesResponse>* SegmentUses(
      grpc::CallbackServerContext* context, const v1::SegmentUsesRequest* request) override;
  grpc::ServerUnaryReactor* MoveChunks(grpc::CallbackServerContext* context,
                                       const v1::MoveChunksRequest* request,
                                       v1::MoveChunksResponse* response) override;
  grpc::ServerUnaryReactor* RetireSegments(grpc::CallbackServerContext* context,
                                           const v1::RetireSegmentsRequest* request,
                                           v1::RetireSegmentsResponse* response) override;
  grpc::ServerUnaryReactor* SetRetention(grpc::CallbackServerContext* context,
                                         const v1::SetRetentionRequest* request,
                                         v1::SetRetentionResponse* response) override;
  grpc::ServerUnaryReactor* ListRetentions(grpc::CallbackServerContext* context,
                                           const v1::ListRetentionsRequest* request,
                                           v1::ListRetentionsResponse* response) override;

 private:
  using Change = std::function<absl::StatusOr<ChangeResult>(NameWriter& writer)>;

  // Runs one change in a transaction and answers with it.
  UnaryCall* RunChange(const grpc::CallbackServerContext* context, Method method,
                       const std::string& operation_id, const std::string& author,
                       v1::ChangedResponse* response, Change change);
  // INVALID_ARGUMENT for a time that has not come yet.
  absl::Status CheckMoment(Moment at) const;
  // Now and then, forgets old operations.
  absl::Status ForgetOldOperations(CatalogTransaction& transaction, int64_t now_ns);

  Catalog& catalog_;
  DeltaMetrics& metrics_;
  Leases& calls_;
  Collector& collector_;
  const NowFunction now_;
  SessionTable sessions_;
  int writes_since_forgetting_ = 0;  // used on the catalog's writer thread alone
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_DELTA_SERVICE_H_
