#ifndef DRAY_CLIENT_CONNECTION_H_
#define DRAY_CLIENT_CONNECTION_H_

#include <sys/uio.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/cancellation.h"
#include "client/slab.h"
#include "client/socket.h"
#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/framing/frame.h"
#include "core/net/address.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// Takes what the server says about one request. Called on the connection's reader thread, one call
// at a time; whatever keeps it keeps every other request of the connection, and it must not send.
// An error returned ends the connection.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;

  // A control frame; `payload` is valid during the call only.
  virtual absl::Status OnFrame(FrameType type, Bytes payload) = 0;
  // A data frame of a Get, between its GetItems and GetEnd. Not yet parsed.
  virtual absl::Status OnData(ReceivedData data);
  // The last call. The server refused the request; or, `lost`, the connection is gone and every
  // request on it fails.
  virtual void OnFailure(const absl::Status& status, bool lost) = 0;
};

// One connection in the native dialect (docs/format/wire.md): greeting, frames to the requests they
// belong to, keep-alive, and the watch over a silent server. Thread-safe. Must not be destroyed by
// a handler.
class Connection {
 public:
  struct Options {
    Address server;
    absl::Duration connect_timeout = absl::Seconds(10);
    absl::Duration silence_timeout = absl::Seconds(10);
    Traffic* traffic = nullptr;            // outlives the connection
    Cancellation* cancellation = nullptr;  // outlives the connection; ends it when cancelled
  };

  // Connects and greets. UNAVAILABLE when the server cannot be reached, FAILED_PRECONDITION when it
  // speaks something else.
  static absl::StatusOr<std::shared_ptr<Connection>> Open(const Options& options);
  ~Connection();

  // Begins a request: from now on `handler` gets what carries the id returned, until Finish or
  // OnFailure.
  absl::StatusOr<uint16_t> Start(std::shared_ptr<RequestHandler> handler);
  // The last answer has come: the id may be used again.
  void Finish(uint16_t request);

  // Sends whole frames, nothing between them; waits until the socket took them. Changes `parts`.
  absl::Status Send(absl::Span<iovec> parts);
  absl::Status Send(std::string_view frames);

  // Ends the connection; every request still open fails with `status`.
  void Close(const absl::Status& status);
  // Whether new requests may be started: neither lost, nor about to be closed by the server.
  bool usable() const;
  // OK while the connection lives.
  absl::Status status() const;

  // How long the link has held what this side sends, in all; --bwlimit is part of the link.
  absl::Duration link_time() const {
    return socket_.link_time() + absl::Nanoseconds(limited_ns_.load());
  }

  const wire::v1::Limits& limits() const { return limits_; }
  // Whether the server knows a feature.
  bool Knows(wire::v1::Feature feature) const {
    const auto needed = static_cast<uint32_t>(feature);
    return (features_ & needed) == needed;
  }
  // UNIMPLEMENTED, saying what to do, where it does not.
  absl::Status Require(wire::v1::Feature feature) const;
  // Names this connection in the server's log, events and errors. Empty where the server tells
  // none.
  const std::string& id() const { return id_; }

  // While one exists the server owes this side something: silence beyond the limit ends the
  // connection.
  class Owed {
   public:
    explicit Owed(Connection* connection);
    ~Owed();
    Owed(const Owed&) = delete;
    Owed& operator=(const Owed&) = delete;

   private:
    Connection* const connection_;
  };

 private:
  class Greeting;
  struct Buffer {
    std::shared_ptr<Slab> slab;
    size_t parsed = 0;
    size_t filled = 0;
  };

  Connection(const Options& options, Socket socket);
  absl::Status Greet();

  absl::Status SendNow(absl::Span<iovec> parts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  absl::Status SendSlowly(absl::Span<iovec> parts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mu_);
  void ReadLoop();
  absl::Status ReadFrames();
  absl::Status ReadPreface(Buffer* buffer);
  absl::Status FillBuffer(Buffer* buffer);
  absl::Status MakeRoom(Buffer* buffer);
  absl::Status TakeFrames(Buffer* buffer);
  absl::Status Dispatch(const FrameHeader& header, const Buffer& buffer, Bytes frame);
  absl::Status DispatchData(const Buffer& buffer, Bytes frame);
  absl::Status DispatchToRequest(const FrameHeader& header, Bytes payload);
  absl::Status OnConnectionFrame(const FrameHeader& header, Bytes payload);
  absl::Status CheckSilence();
  void KeepAlive();
  void FailAll(const absl::Status& status);

  const Options options_;
  Socket socket_;
  const std::shared_ptr<SlabPool> slabs_;
  uint64_t cancel_hook_ = 0;
  wire::v1::Limits limits_;  // set before the first request
  uint32_t features_ = 0;    // set before the first request
  std::string id_;           // set before the first request

  absl::Mutex write_mu_;
  std::atomic<int64_t> last_sent_ns_{0};
  std::atomic<int64_t> limited_ns_{0};  // waited for the rate limit

  mutable absl::Mutex mu_;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  uint16_t next_request_ ABSL_GUARDED_BY(mu_) = 1;
  std::map<uint16_t, std::shared_ptr<RequestHandler>> requests_ ABSL_GUARDED_BY(mu_);
  int owed_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time owed_since_ ABSL_GUARDED_BY(mu_);

  // The reader thread's own.
  absl::Time last_received_;
  std::shared_ptr<RequestHandler> download_;  // between GetItems and GetEnd
  std::thread reader_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_CONNECTION_H_
