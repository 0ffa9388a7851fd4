#ifndef DRAY_SERVICES_TRANSFER_ENGINE_DELTA_CALLS_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_DELTA_CALLS_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "core/net/suspend.h"

// How gRPC's callbacks become coroutines; delta_client.cc alone uses it.
namespace dray::transfer::internal {

// The calls that have not ended, so that all can be cancelled. Thread-safe.
class OpenCalls {
 public:
  // False, and nothing is kept, once CancelAll() was called.
  bool Add(grpc::ClientContext* context) {
    absl::MutexLock lock(&mu_);
    if (closed_) return false;
    contexts_.insert(context);
    return true;
  }
  void Remove(grpc::ClientContext* context) {
    absl::MutexLock lock(&mu_);
    contexts_.erase(context);
  }
  void CancelAll() {
    absl::MutexLock lock(&mu_);
    closed_ = true;
    for (grpc::ClientContext* context : contexts_) context->TryCancel();
  }

 private:
  absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_set<grpc::ClientContext*> contexts_ ABSL_GUARDED_BY(mu_);
};

// One operation of a stream under way, and the coroutine that waits for it.
class PendingOperation {
 public:
  void Arm(Resume resume) { resume_ = std::move(resume); }
  // On gRPC's thread. The stream may be gone when this returns.
  void Complete(bool ok) {
    ok_ = ok;
    Resume resume = std::move(resume_);
    resume();
  }
  bool ok() const { return ok_; }

 private:
  Resume resume_;
  bool ok_ = false;
};

// What reading streams and two-way streams have alike. `Reactor` is
// grpc::ClientReadReactor<Message> or grpc::ClientBidiReactor<Request, Message>. Keeps itself alive
// until gRPC is done with it; its user holds a share and calls, all on one executor: Begin(), then
// Read()s, then Finish() or Abandon(), once. A hold keeps gRPC from ending the call before that.
template <typename Reactor, typename Message>
class StreamCall : public Reactor {
 public:
  explicit StreamCall(std::shared_ptr<OpenCalls> open_calls) : open_calls_(std::move(open_calls)) {}

  grpc::ClientContext* context() { return &context_; }

  // After the stub bound the call to this reactor.
  void Begin(std::shared_ptr<StreamCall> self) {
    self_ = std::move(self);
    this->AddHold();
    this->StartCall();
    if (!open_calls_->Add(&context_)) context_.TryCancel();
  }

  boost::asio::awaitable<bool> Read(Message* message) {
    auto start = [this, message](Resume resume) {
      read_.Arm(std::move(resume));
      this->StartRead(message);
    };
    co_await Suspend(start);
    co_return read_.ok();
  }

  // After a read or write that was not ok.
  boost::asio::awaitable<grpc::Status> Finish() {
    auto start = [this](Resume resume) {
      done_ = std::move(resume);
      this->RemoveHold();
    };
    co_await Suspend(start);
    co_return status_;
  }

  void Abandon() {
    context_.TryCancel();
    this->RemoveHold();
  }

 protected:
  void OnReadDone(bool ok) final { read_.Complete(ok); }
  void OnDone(const grpc::Status& status) final {
    const auto self = std::move(self_);
    open_calls_->Remove(&context_);
    status_ = status;
    if (Resume resume = std::move(done_)) resume();
  }

 private:
  const std::shared_ptr<OpenCalls> open_calls_;
  grpc::ClientContext context_;
  PendingOperation read_;
  Resume done_;
  grpc::Status status_;
  std::shared_ptr<StreamCall> self_;
};

template <typename Message>
using ReadCall = StreamCall<grpc::ClientReadReactor<Message>, Message>;

template <typename Request, typename Message>
class ReadWriteCall final : public StreamCall<grpc::ClientBidiReactor<Request, Message>, Message> {
 public:
  using StreamCall<grpc::ClientBidiReactor<Request, Message>, Message>::StreamCall;

  boost::asio::awaitable<bool> Write(const Request& request) {
    auto start = [this, &request](Resume resume) {
      write_.Arm(std::move(resume));
      this->StartWrite(&request);
    };
    co_await Suspend(start);
    co_return write_.ok();
  }

 private:
  void OnWriteDone(bool ok) final { write_.Complete(ok); }

  PendingOperation write_;
};

}  // namespace dray::transfer::internal

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_DELTA_CALLS_H_
