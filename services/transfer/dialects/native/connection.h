#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_CONNECTION_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_CONNECTION_H_

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/base/status.h"
#include "core/framing/frame.h"
#include "dray/wire/v1/wire.pb.h"
#include "services/transfer/dialects/dialect.h"
#include "services/transfer/dialects/native/frame_reader.h"
#include "services/transfer/dialects/native/options.h"
#include "services/transfer/dialects/native/request_table.h"
#include "services/transfer/dialects/native/transport.h"
#include "services/transfer/engine/activity.h"
#include "services/transfer/engine/engine.h"

namespace dray::transfer::native {

class BatchReceiver;
class GetQueue;
class PutReceiver;

// One connection in the native dialect, docs/format/wire.md: greeting, frames to the requests they
// belong to, limits, watching for silence, and the end. Everything happens on the socket's
// executor, but for Drain() and Abort(). Its coroutines keep it alive.
class Connection final : public ServedConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(const Engine* engine, const Options* options, DialectMetrics* metrics,
             AcceptedSocket accepted);
  ~Connection() override;

  // Serves until the connection has ended; requests that are still open end by themselves soon
  // after.
  boost::asio::awaitable<void> Serve();

  void Drain() override;
  void Abort() override;

  // ---- For those that serve its requests ----

  const Engine& engine() const { return *engine_; }
  const Options& options() const { return *options_; }
  const Activity::Connection& activity() const { return activity_; }
  Transport& transport() { return *transport_; }
  RequestTable& requests() { return requests_; }
  boost::asio::any_io_executor executor() { return transport_->executor(); }
  // Who is said to have made a version: where the connection comes from.
  const std::string& author() const { return author_; }
  // Whether both sides know it.
  bool has_feature(wire::v1::Feature feature) const { return (features_ & feature) != 0; }
  // The longest payload that the client takes.
  size_t max_payload_bytes() const { return max_payload_bytes_; }

  // Sends one of several answers. False, and nothing is sent, when the message is longer than the
  // client takes.
  bool Answer(uint16_t request, FrameType type, const google::protobuf::MessageLite& message);
  // Sends the last answer, after which the request's id is free; an Error instead when it is too
  // long.
  void Finish(uint16_t request, FrameType type, const google::protobuf::MessageLite& message);
  void FinishWithError(uint16_t request, const absl::Status& status);
  wire::v1::Error MakeError(const absl::Status& status) const;

 private:
  boost::asio::awaitable<absl::Status> ReadPreface();
  boost::asio::awaitable<absl::Status> ReadFrames();
  boost::asio::awaitable<absl::Status> ReceiveMore();
  boost::asio::awaitable<absl::Status> Dispatch(const ReceivedFrame& frame);
  boost::asio::awaitable<absl::Status> DispatchRequest(const ReceivedFrame& frame);
  absl::Status OnOtherFrame(const ReceivedFrame& frame);
  // Ends the connection, whatever the reason; the peer is told unless it is gone. Once only.
  void EndWithError(const absl::Status& why);
  absl::Status Greet(const ReceivedFrame& frame);
  void CloseRequests();
  void Cancel(uint16_t request);
  absl::Status BeginRequest(const FrameHeader& header);
  void EndRequest(uint16_t request);

  boost::asio::awaitable<void> Watch(std::shared_ptr<Connection> self);
  absl::Status CheckSilence(SteadyTime now);
  void SayWorking(SteadyTime now);
  SteadyTime NextWatch(SteadyTime now) const;
  bool IsOwedFrames() const;
  void SayGoodbye();
  void SayGoodbyeAndClose();
  void StartClosing();

  const std::shared_ptr<Admission> admission_;
  const Engine* const engine_;
  const Options* const options_;
  const Activity::Connection activity_;
  const std::string author_;
  const std::shared_ptr<Transport> transport_;
  FrameReader reader_;
  RequestTable requests_;
  std::unique_ptr<PutReceiver> puts_;
  std::unique_ptr<BatchReceiver> batches_;
  std::unique_ptr<GetQueue> gets_;

  const SteadyTime opened_;
  boost::asio::steady_timer watch_timer_;
  SteadyTime closing_since_;
  SteadyTime next_watch_;
  bool greeted_ = false;
  bool lost_ = false;
  bool draining_ = false;
  bool closing_ = false;
  size_t max_payload_bytes_ = kMaxFramePayloadBytes;
  uint32_t features_ = 0;
};

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_CONNECTION_H_
