#ifndef DRAY_SERVICES_DELTA_ENGINE_COMPARE_CALL_H_
#define DRAY_SERVICES_DELTA_ENGINE_COMPARE_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "dray/delta/v1/delta.pb.h"
#include "services/delta/engine/calls.h"
#include "services/delta/engine/compare_session.h"

namespace dray::delta {

// One Compare stream, which is one session: steps are answered in order, one look-up job each;
// while an answer is being written, the next step is being read. Owns itself.
class CompareCall final : public grpc::ServerBidiReactor<v1::CompareRequest, v1::CompareResponse> {
 public:
  // All outlive the call.
  CompareCall(CallTimer timer, DeltaMetrics& metrics, Catalog& catalog, SessionTable& sessions);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;

 private:
  // A read and a write run side by side; the later one to end goes on.
  void StartReadAndWrite();
  void OneEnded();
  void Step();
  absl::Status Answer(CatalogView& view);
  absl::Status SearchBases(CatalogView& view, std::string_view path);
  void End(const absl::Status& status);

  CallTimer timer_;
  DeltaMetrics& metrics_;
  Catalog& catalog_;
  SessionTable& sessions_;
  uint64_t id_ = 0;
  std::shared_ptr<CompareSession> session_;
  v1::CompareRequest request_;
  v1::CompareResponse response_;
  std::atomic<int> running_{0};
  bool read_ok_ = false;
  bool write_ok_ = false;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_COMPARE_CALL_H_
