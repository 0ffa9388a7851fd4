#include "client/connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/wire_error.h"
#include "core/base/clock.h"
#include "core/base/version.h"

namespace dray {
namespace {

// Memory of a connection whose data is used slower than it arrives.
constexpr size_t kSlabs = 12;
// Below this much free room the rest of a slab is not worth a system call.
constexpr size_t kLeastReceive = 128 << 10;
constexpr uint32_t kFeatures = wire::v1::CHUNK_DELTAS | wire::v1::PAST | wire::v1::NODES |
                               wire::v1::DOWNLOAD_DELTAS | wire::v1::SHORT_NODES |
                               wire::v1::RETENTION | wire::v1::BATCH_DELTAS |
                               wire::v1::BATCH_DELETES | wire::v1::OLD_COPIES | wire::v1::ROOTS;
constexpr absl::Duration kKeepAlive = absl::Seconds(15);

absl::Status Violation(absl::string_view what) {
  return absl::InternalError(absl::StrCat("the server broke the protocol: ", what));
}

absl::Status NotDray(const Address& server) {
  return absl::FailedPreconditionError(absl::StrCat(
      server.ToString(), " is not a dray server of this protocol version; check the address"));
}

}  // namespace

absl::Status RequestHandler::OnData(ReceivedData) {
  return Violation("data for a request that has none");
}

// Waits for Welcome, which belongs to no request.
class Connection::Greeting : public RequestHandler {
 public:
  absl::Status OnFrame(FrameType type, Bytes payload) override {
    if (type != FrameType::kWelcome) return Violation("a frame before Welcome");
    wire::v1::Welcome welcome;
    DRAY_RETURN_IF_ERROR(ParseControl(type, payload, &welcome));
    absl::MutexLock lock(&mu_);
    welcome_ = std::move(welcome);
    done_ = true;
    return absl::OkStatus();
  }
  void OnFailure(const absl::Status& status, bool) override {
    absl::MutexLock lock(&mu_);
    status_ = status;
    done_ = true;
  }
  absl::StatusOr<wire::v1::Welcome> Wait() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&done_));
    if (!status_.ok()) return status_;
    return welcome_;
  }

 private:
  absl::Mutex mu_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  wire::v1::Welcome welcome_ ABSL_GUARDED_BY(mu_);
};

Connection::Owed::Owed(Connection* connection) : connection_(connection) {
  absl::MutexLock lock(&connection_->mu_);
  if (connection_->owed_++ == 0) connection_->owed_since_ = SteadyNow();
}

Connection::Owed::~Owed() {
  absl::MutexLock lock(&connection_->mu_);
  --connection_->owed_;
}

Connection::Connection(const Options& options, Socket socket)
    : options_(options),
      socket_(std::move(socket)),
      slabs_(SlabPool::Make(kSlabs)),
      last_received_(SteadyNow()) {}

absl::StatusOr<std::shared_ptr<Connection>> Connection::Open(const Options& options) {
  DRAY_ASSIGN_OR_RETURN(Socket socket, Socket::Connect(options.server, options.connect_timeout,
                                                       options.traffic, options.cancellation));
  std::shared_ptr<Connection> connection(new Connection(options, std::move(socket)));
  DRAY_RETURN_IF_ERROR(connection->Greet());
  return connection;
}

absl::Status Connection::Greet() {
  cancel_hook_ =
      options_.cancellation->AddHook([this] { Close(absl::CancelledError("interrupted")); });
  auto greeting = std::make_shared<Greeting>();
  {
    absl::MutexLock lock(&mu_);
    requests_.emplace(0, greeting);
  }
  wire::v1::Hello hello;
  hello.set_software(absl::StrCat("dray ", kVersion));
  hello.mutable_limits()->set_frame_bytes(kMaxFramePayloadBytes);
  hello.set_features(kFeatures);
  std::string out(reinterpret_cast<const char*>(kPreface.data()), kPreface.size());
  AppendControlFrame(FrameType::kHello, 0, hello, &out);
  reader_ = std::thread([this] { ReadLoop(); });
  DRAY_RETURN_IF_ERROR(Send(out));
  Owed owed(this);
  auto welcome = greeting->Wait();
  if (!welcome.ok()) return welcome.status();
  Finish(0);
  limits_ = welcome->limits();
  features_ = welcome->features() & kFeatures;
  if (limits_.frame_bytes() == 0) limits_.set_frame_bytes(kMaxFramePayloadBytes);
  if (limits_.requests() == 0) limits_.set_requests(kDefaultRequests);
  if (limits_.unacknowledged_bytes() == 0) {
    limits_.set_unacknowledged_bytes(kDefaultUnacknowledgedBytes);
  }
  if (IsPlainId(welcome->connection_id())) id_ = welcome->connection_id();
  return absl::OkStatus();
}

absl::Status Connection::Require(wire::v1::Feature feature) const {
  if (Knows(feature)) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("the server is older than this program and does not know what it is asked for (",
                   wire::v1::Feature_Name(feature), "); upgrade the server"));
}

Connection::~Connection() {
  options_.cancellation->RemoveHook(cancel_hook_);
  Close(absl::CancelledError("closed"));
  if (reader_.joinable()) reader_.join();
}

absl::StatusOr<uint16_t> Connection::Start(std::shared_ptr<RequestHandler> handler) {
  absl::MutexLock lock(&mu_);
  if (!status_.ok()) return status_;
  if (requests_.size() >= limits_.requests()) {
    return absl::InternalError("more requests at once than the server grants");
  }
  while (next_request_ == 0 || requests_.contains(next_request_)) ++next_request_;
  requests_.emplace(next_request_, std::move(handler));
  return next_request_++;
}

void Connection::Finish(uint16_t request) {
  absl::MutexLock lock(&mu_);
  requests_.erase(request);
}

absl::Status Connection::Send(absl::Span<iovec> parts) {
  absl::Status sent;
  {
    absl::MutexLock lock(&write_mu_);
    sent = options_.traffic->sending.limits() ? SendSlowly(parts) : SendNow(parts);
    last_sent_ns_ = absl::ToUnixNanos(SteadyNow());
  }
  if (sent.ok()) return sent;
  Close(sent);
  return status();  // the reason, if something else ended the connection first
}

absl::Status Connection::SendNow(absl::Span<iovec> parts) {
  const Owed owed(this);  // a server that takes nothing owes its attention
  return socket_.SendAll(parts);
}

absl::Status Connection::SendSlowly(absl::Span<iovec> parts) {
  RateLimit& limit = options_.traffic->sending;
  while (!parts.empty()) {
    if (parts.front().iov_len == 0) {
      parts.remove_prefix(1);
      continue;
    }
    const size_t step = std::min(parts.front().iov_len, limit.step_bytes());
    const absl::Time begun = SteadyNow();
    limit.Take(step);  // meanwhile the server owes nothing
    limited_ns_ += absl::ToInt64Nanoseconds(SteadyNow() - begun);
    DRAY_RETURN_IF_ERROR(status());
    const Owed owed(this);
    DRAY_RETURN_IF_ERROR(socket_.SendSome(&parts, step));
    last_sent_ns_ = absl::ToUnixNanos(SteadyNow());
  }
  return absl::OkStatus();
}

absl::Status Connection::Send(std::string_view frames) {
  iovec part = {const_cast<char*>(frames.data()), frames.size()};
  return Send(absl::MakeSpan(&part, 1));
}

void Connection::Close(const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    if (status_.ok()) status_ = status;
  }
  socket_.Shutdown();
  slabs_->Close();
}

bool Connection::usable() const {
  absl::MutexLock lock(&mu_);
  return status_.ok() && !draining_;
}

absl::Status Connection::status() const {
  absl::MutexLock lock(&mu_);
  return status_;
}

void Connection::ReadLoop() {
  absl::Status status = ReadFrames();
  {
    // The reason given first is the true one: what follows it is a socket that was shut down.
    absl::MutexLock lock(&mu_);
    if (!status_.ok()) status = status_;
  }
  Close(status);
  FailAll(status);
}

void Connection::FailAll(const absl::Status& status) {
  std::map<uint16_t, std::shared_ptr<RequestHandler>> requests;
  {
    absl::MutexLock lock(&mu_);
    requests.swap(requests_);
  }
  download_.reset();
  for (const auto& [id, handler] : requests) handler->OnFailure(status, /*lost=*/true);
}

absl::Status Connection::ReadFrames() {
  Buffer buffer;
  DRAY_RETURN_IF_ERROR(ReadPreface(&buffer));
  while (true) {
    DRAY_RETURN_IF_ERROR(TakeFrames(&buffer));
    DRAY_RETURN_IF_ERROR(FillBuffer(&buffer));
  }
}

absl::Status Connection::ReadPreface(Buffer* buffer) {
  while (buffer->filled < kPreface.size()) {
    DRAY_RETURN_IF_ERROR(FillBuffer(buffer));
    const size_t common = std::min(buffer->filled, kPreface.size());
    if (!std::equal(kPreface.begin(), kPreface.begin() + common, buffer->slab->data())) {
      return NotDray(options_.server);
    }
  }
  buffer->parsed = kPreface.size();
  return absl::OkStatus();
}

absl::Status Connection::FillBuffer(Buffer* buffer) {
  DRAY_RETURN_IF_ERROR(MakeRoom(buffer));
  const absl::Duration tick = std::min(options_.silence_timeout / 4, absl::Seconds(1));
  while (true) {
    DRAY_ASSIGN_OR_RETURN(
        const size_t received,
        socket_.Receive({buffer->slab->data() + buffer->filled, Slab::kBytes - buffer->filled},
                        tick));
    if (received > 0) {
      buffer->filled += received;
      last_received_ = SteadyNow();
      return absl::OkStatus();
    }
    DRAY_RETURN_IF_ERROR(CheckSilence());
    KeepAlive();
  }
}

absl::Status Connection::MakeRoom(Buffer* buffer) {
  const size_t partial = buffer->filled - buffer->parsed;
  const size_t room = Slab::kBytes - buffer->filled;
  const bool alone = buffer->parsed == 0 && room > 0;  // any whole frame fits from the start
  if (buffer->slab != nullptr && (alone || room >= kLeastReceive)) return absl::OkStatus();
  const std::shared_ptr<Slab> old = partial > 0 ? buffer->slab : nullptr;
  buffer->slab.reset();
  std::shared_ptr<Slab> fresh = slabs_->Take();
  if (fresh == nullptr) return absl::CancelledError("closed");
  if (old != nullptr) std::memcpy(fresh->data(), old->data() + buffer->parsed, partial);
  *buffer = {std::move(fresh), 0, partial};
  return absl::OkStatus();
}

absl::Status Connection::TakeFrames(Buffer* buffer) {
  while (buffer->filled - buffer->parsed >= kFrameHeaderBytes) {
    const uint8_t* at = buffer->slab->data() + buffer->parsed;
    DRAY_ASSIGN_OR_RETURN(const FrameHeader header, DecodeFrameHeader(at, kMaxFramePayloadBytes));
    const size_t whole = kFrameHeaderBytes + header.payload_bytes;
    if (buffer->filled - buffer->parsed < whole) return absl::OkStatus();
    DRAY_RETURN_IF_ERROR(Dispatch(header, *buffer, Bytes(at, whole)));
    buffer->parsed += whole;
  }
  return absl::OkStatus();
}

absl::Status Connection::Dispatch(const FrameHeader& header, const Buffer& buffer, Bytes frame) {
  if (header.type == FrameType::kData) return DispatchData(buffer, frame);
  const Bytes payload = frame.subspan(kFrameHeaderBytes);
  if (header.request == 0 && header.type != FrameType::kWelcome) {
    return OnConnectionFrame(header, payload);
  }
  return DispatchToRequest(header, payload);
}

absl::Status Connection::DispatchData(const Buffer& buffer, Bytes frame) {
  if (download_ == nullptr) return Violation("data that belongs to no request");
  return download_->OnData({buffer.slab, frame});
}

absl::Status Connection::OnConnectionFrame(const FrameHeader& header, Bytes payload) {
  switch (header.type) {
    case FrameType::kError: {
      wire::v1::Error error;
      DRAY_RETURN_IF_ERROR(ParseControl(header.type, payload, &error));
      return StatusFromWire(error);
    }
    case FrameType::kGoodbye: {
      absl::MutexLock lock(&mu_);
      draining_ = true;
      return absl::OkStatus();
    }
    case FrameType::kPing:
    case FrameType::kPong:
    case FrameType::kWorking:
      return absl::OkStatus();
    default:
      if ((header.flags & kOptionalFlag) != 0 && !IsKnownFrameType(header.type)) {
        return absl::OkStatus();
      }
      return Violation(absl::StrCat("a frame ", FrameTypeName(header.type), " of no request"));
  }
}

absl::Status Connection::DispatchToRequest(const FrameHeader& header, Bytes payload) {
  if (header.type == FrameType::kWorking) return absl::OkStatus();
  if (!IsKnownFrameType(header.type)) {
    if ((header.flags & kOptionalFlag) != 0) return absl::OkStatus();
    return Violation(absl::StrCat("a frame of unknown type ", FrameTypeName(header.type)));
  }
  std::shared_ptr<RequestHandler> handler;
  {
    absl::MutexLock lock(&mu_);
    const auto found = requests_.find(header.request);
    if (found == requests_.end()) return absl::OkStatus();  // finished or given up meanwhile
    handler = found->second;
    if (header.type == FrameType::kError) requests_.erase(found);
  }
  if (header.type == FrameType::kGetEnd || header.type == FrameType::kError) {
    if (download_ == handler) download_.reset();
  }
  if (header.type == FrameType::kGetItems) {
    if (download_ != nullptr) return Violation("two downloads at once");
    download_ = handler;
  }
  if (header.type != FrameType::kError) return handler->OnFrame(header.type, payload);
  wire::v1::Error error;
  DRAY_RETURN_IF_ERROR(ParseControl(header.type, payload, &error));
  handler->OnFailure(StatusFromWire(error), /*lost=*/false);
  return absl::OkStatus();
}

absl::Status Connection::CheckSilence() {
  absl::MutexLock lock(&mu_);
  if (owed_ == 0) return absl::OkStatus();
  const absl::Time since = std::max(last_received_, owed_since_);
  if (SteadyNow() - since < options_.silence_timeout) return absl::OkStatus();
  return absl::UnavailableError(absl::StrFormat("%s said nothing for %s",
                                                options_.server.ToString(),
                                                absl::FormatDuration(options_.silence_timeout)));
}

void Connection::KeepAlive() {
  if (absl::ToUnixNanos(SteadyNow()) - last_sent_ns_ < absl::ToInt64Nanoseconds(kKeepAlive)) return;
  if (!write_mu_.TryLock()) return;  // somebody sends right now
  if (socket_.writable()) {
    std::string ping;
    AppendEmptyFrame(FrameType::kPing, 0, &ping);
    socket_.SendAll(ping).IgnoreError();  // a lost connection shows when receiving
    last_sent_ns_ = absl::ToUnixNanos(SteadyNow());
  }
  write_mu_.Unlock();
}

}  // namespace dray
