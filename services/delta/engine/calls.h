#ifndef DRAY_SERVICES_DELTA_ENGINE_CALLS_H_
#define DRAY_SERVICES_DELTA_ENGINE_CALLS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/leases.h"
#include "services/delta/catalog/catalog.h"
#include "services/delta/engine/delta_metrics.h"
#include "services/delta/engine/response_source.h"

// The reactors of calls. Each owns itself and is gone after its call; none blocks a thread of
// gRPC's: work is posted to the catalog's threads, which then write or finish.
namespace dray::delta {

// The message is cut to what fits into HTTP/2 headers.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Counts a call when it ends, and logs it under the id of the client's connection that it is made
// for, which transfer sends along (kConnectionKey).
class CallTimer {
 public:
  // `lease`: what the caller is told is not deleted before the call has ended.
  CallTimer(const grpc::CallbackServerContext& context, DeltaMetrics& metrics, Method method,
            Leases::Lease lease);
  void End(const absl::Status& status);

 private:
  DeltaMetrics& metrics_;
  Method method_;
  Leases::Lease lease_;
  std::string connection_id_;
  absl::Time start_ = SteadyNow();
};

// A call with one answer: whoever has it calls Reply() once.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  explicit UnaryCall(CallTimer timer) : timer_(std::move(timer)) {}

  void Reply(const absl::Status& status) {
    timer_.End(status);
    Finish(ToGrpcStatus(status));
  }
  void OnDone() override { delete this; }

 private:
  CallTimer timer_;
};

// Catalog::Read() once every write that was asked for before has been answered, so that what they
// committed until now is all there ever will be of the time before now.
void ReadAfterWrites(Catalog& catalog, Catalog::ReadJob job);

struct StreamOptions {
  absl::Status checked;       // not OK: the stream ends with it
  bool after_writes = false;  // starts with ReadAfterWrites()
};

// Streams what a source makes, with back-pressure: the next step is made when the messages of the
// last one have been taken.
template <typename Response>
class SourceStream final : public grpc::ServerWriteReactor<Response> {
 public:
  SourceStream(CallTimer timer, Catalog& catalog, std::unique_ptr<ResponseSource<Response>> source,
               const StreamOptions& options = {})
      : timer_(std::move(timer)), catalog_(catalog), source_(std::move(source)) {
    if (!options.checked.ok()) {
      End(options.checked);
    } else if (options.after_writes) {
      ReadAfterWrites(catalog_, [this](CatalogView& view) { Make(view); });
    } else {
      MakeNext();
    }
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(absl::CancelledError("the peer is gone"));
    WriteOrGoOn();
  }
  void OnDone() override { delete this; }

 private:
  void MakeNext() {
    catalog_.Read([this](CatalogView& view) { Make(view); });
  }

  void Make(CatalogView& view) {
    messages_.clear();
    next_ = 0;
    absl::StatusOr<bool> more = source_->Next(view, &messages_);
    if (!more.ok()) {
      status_ = more.status();
    } else {
      more_ = *more;
    }
    WriteOrGoOn();
  }

  void WriteOrGoOn() {
    if (next_ < messages_.size()) {
      // No buffer hint: such a write is done only when something else happens to be written.
      this->StartWrite(&messages_[next_++]);
    } else if (status_.ok() && more_) {
      MakeNext();
    } else {
      End(status_);
    }
  }

  void End(const absl::Status& status) {
    timer_.End(status);
    this->Finish(ToGrpcStatus(status));
  }

  CallTimer timer_;
  Catalog& catalog_;
  std::unique_ptr<ResponseSource<Response>> source_;
  std::vector<Response> messages_;
  size_t next_ = 0;
  bool more_ = false;
  absl::Status status_;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_CALLS_H_
