#include "services/transfer/dialects/native/connection.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

#include "absl/time/clock.h"
#include "core/base/path.h"
#include "core/base/version.h"
#include "core/framing/data_frame.h"
#include "core/net/spawn.h"
#include "core/telemetry/logging.h"
#include "services/transfer/dialects/native/batch_receiver.h"
#include "services/transfer/dialects/native/get_queue.h"
#include "services/transfer/dialects/native/name_requests.h"
#include "services/transfer/dialects/native/put_receiver.h"
#include "services/transfer/engine/dialect_metrics.h"
#include "services/transfer/engine/retry_advice.h"

namespace dray::transfer::native {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

// A client that takes shorter frames than this could not take every chunk.
constexpr size_t kMinClientFrameBytes = kMaxDataFrameBytes;
constexpr std::chrono::milliseconds kLingerTime{2000};
constexpr uint32_t kFeatures = wire::v1::CHUNK_DELTAS | wire::v1::PAST | wire::v1::NODES |
                               wire::v1::DOWNLOAD_DELTAS | wire::v1::SHORT_NODES |
                               wire::v1::RETENTION | wire::v1::BATCH_DELTAS |
                               wire::v1::BATCH_DELETES | wire::v1::OLD_COPIES | wire::v1::ROOTS;

SteadyTime Now() { return std::chrono::steady_clock::now(); }

std::string HostOf(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

}  // namespace

Connection::Connection(const Engine* engine, const Options* options, DialectMetrics* metrics,
                       AcceptedSocket accepted)
    : admission_(std::move(accepted.admission)),
      engine_(engine),
      options_(options),
      activity_(engine->activity, metrics,
                {engine->activity->NewConnectionId(), accepted.peer, "native", absl::Now()}),
      author_(HostOf(accepted.peer)),
      transport_(std::make_shared<Transport>(std::move(accepted.socket), &metrics->bytes_received,
                                             &metrics->bytes_sent)),
      reader_(transport_.get(), options->frame_bytes),
      requests_(options->requests),
      puts_(std::make_unique<PutReceiver>(this)),
      batches_(std::make_unique<BatchReceiver>(this)),
      gets_(std::make_unique<GetQueue>(this)),
      opened_(Now()),
      watch_timer_(transport_->executor()) {}

Connection::~Connection() = default;

awaitable<void> Connection::Serve() {
  const auto self = shared_from_this();
  transport_->Send(AsText(kPreface));
  Spawn(executor(), Watch(self));
  absl::Status status = co_await ReadPreface();
  if (status.ok()) status = co_await ReadFrames();
  EndWithError(status);
  CloseRequests();  // what was begun while the connection was closing
  if (!lost_) co_await transport_->Linger(kLingerTime);
  transport_->Abort();
  watch_timer_.cancel();
}

void Connection::EndWithError(const absl::Status& why) {
  if (closing_) return;
  StartClosing();
  CloseRequests();
  if (lost_) {
    LogFor(activity_.info().id, spdlog::level::debug, "ends: {}", why.ToString());
    return;
  }
  engine_->activity->Report(
      "warning", absl::StrCat("connection from ", activity_.info().peer, ": ", why.ToString()),
      activity_.info().id);
  activity_.metrics().CountError(why.code());
  std::string frame;
  AppendControlFrame(FrameType::kError, 0, MakeError(why), &frame);
  transport_->Send(frame);
  transport_->EndOutput();
}

void Connection::CloseRequests() {
  requests_.CancelAll();
  puts_->Close();
  batches_->Close();
  gets_->Close();
}

awaitable<absl::Status> Connection::ReadPreface() {
  std::optional<Bytes> preface;
  while (!(preface = reader_.Take(kPreface.size()))) {
    DRAY_CO_RETURN_IF_ERROR(co_await ReceiveMore());
  }
  const size_t same = kPreface.size() - 1;
  if (std::memcmp(preface->data(), kPreface.data(), same) != 0) {
    co_return absl::InvalidArgumentError("this is not the preface of the native dialect");
  }
  if ((*preface)[same] != kPreface[same]) {
    co_return absl::FailedPreconditionError(absl::StrCat(
        "this server speaks version ", int{kPreface[same]}, " of the protocol, the client version ",
        int{(*preface)[same]}, "; use a client that fits"));
  }
  co_return absl::OkStatus();
}

awaitable<absl::Status> Connection::ReadFrames() {
  while (true) {
    absl::StatusOr<std::optional<ReceivedFrame>> frame = reader_.Next();
    if (!frame.ok()) co_return frame.status();
    absl::Status status;
    if (!frame->has_value()) {
      status = co_await ReceiveMore();
    } else if (!closing_) {
      status = co_await Dispatch(**frame);
    }
    if (!status.ok()) co_return status;
  }
}

awaitable<absl::Status> Connection::ReceiveMore() {
  const absl::StatusOr<bool> received = reader_.Receive();
  if (!received.ok()) {
    lost_ = true;
    co_return received.status();
  }
  if (*received) co_return absl::OkStatus();
  puts_->StoreWhatIsThere();
  if (!IsOwedFrames()) reader_.Rest();
  co_await transport_->WaitReadable();
  co_return absl::OkStatus();
}

awaitable<absl::Status> Connection::Dispatch(const ReceivedFrame& frame) {
  const FrameType type = frame.header.type;
  if (!greeted_) co_return Greet(frame);
  if (type == FrameType::kData) {
    if (frame.header.request != 0) {
      co_return absl::InvalidArgumentError("a data frame with a request id");
    }
    if (batches_->receiving()) co_return co_await batches_->OnData(frame.whole);
    co_return co_await puts_->OnData(frame.whole);
  }
  if (batches_->receiving()) {
    co_return absl::InvalidArgumentError(absl::StrCat(
        FrameTypeName(type), " between a PutBatch and its data frames; send those first"));
  }
  // A client that takes no answers gets no further ones.
  co_await transport_->WaitForRoom();
  co_return co_await DispatchRequest(frame);
}

awaitable<absl::Status> Connection::DispatchRequest(const ReceivedFrame& frame) {
  const uint16_t request = frame.header.request;
  switch (frame.header.type) {
    case FrameType::kPutOffer:
    case FrameType::kPutNode:
    case FrameType::kPutDelta:
    case FrameType::kPutCommit:
      co_return co_await puts_->OnFrame(frame);
    case FrameType::kPutOpen:
    case FrameType::kPutBatch:
    case FrameType::kGet:
    case FrameType::kGetEntries:
    case FrameType::kGetNodes:
    case FrameType::kGetRoots:
    case FrameType::kList:
    case FrameType::kStat:
    case FrameType::kHistory:
    case FrameType::kMove:
    case FrameType::kDelete:
    case FrameType::kRestore:
    case FrameType::kSetRetention:
    case FrameType::kListRetentions:
    case FrameType::kStatus:
      break;
    default:
      co_return OnOtherFrame(frame);
  }
  DRAY_CO_RETURN_IF_ERROR(BeginRequest(frame.header));
  if (draining_) {
    FinishWithError(request, absl::UnavailableError("the server stops; connect again in a moment"));
    co_return absl::OkStatus();
  }
  switch (frame.header.type) {
    case FrameType::kPutOpen:
      co_return co_await puts_->OnOpen(frame);
    case FrameType::kPutBatch:
      co_return co_await batches_->OnBatch(frame);
    case FrameType::kGet:
      gets_->OnGet(frame);
      break;
    default:
      StartNameRequest(shared_from_this(), frame);
      break;
  }
  co_return absl::OkStatus();
}

absl::Status Connection::OnOtherFrame(const ReceivedFrame& frame) {
  const auto& [bytes, type, flags, request] = frame.header;
  switch (type) {
    case FrameType::kPing: {
      std::string pong;
      AppendEmptyFrame(FrameType::kPong, request, &pong);
      transport_->Send(pong);
      return absl::OkStatus();
    }
    case FrameType::kPong:
      return absl::OkStatus();
    case FrameType::kCancel:
      Cancel(request);
      return absl::OkStatus();
    case FrameType::kError: {
      wire::v1::Error error;
      DRAY_RETURN_IF_ERROR(ParseControl(type, frame.payload(), &error));
      if (request != 0) {
        Cancel(request);
        return absl::OkStatus();
      }
      lost_ = true;
      return absl::CancelledError(
          absl::StrCat("the client gave up: ", EscapeName(error.message().substr(0, 500))));
    }
    default:
      break;
  }
  if (!IsKnownFrameType(type) && (flags & kOptionalFlag) != 0) return absl::OkStatus();
  const absl::Status status = IsKnownFrameType(type)
                                  ? absl::InvalidArgumentError(absl::StrCat(
                                        FrameTypeName(type), " is not for a client to send here"))
                                  : absl::UnimplementedError(absl::StrCat(
                                        "this server does not know frames of type ",
                                        FrameTypeName(type), "; it is version ", kVersion));
  if (request == 0 || IsKnownFrameType(type) || requests_.Find(request) != nullptr) return status;
  // Perhaps a request of a later version: it alone fails.
  FinishWithError(request, status);
  return absl::OkStatus();
}

absl::Status Connection::Greet(const ReceivedFrame& frame) {
  if (frame.header.type != FrameType::kHello || frame.header.request != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the first frame must be Hello, not ", FrameTypeName(frame.header.type)));
  }
  wire::v1::Hello hello;
  DRAY_RETURN_IF_ERROR(ParseControl(FrameType::kHello, frame.payload(), &hello));
  const size_t granted = hello.limits().frame_bytes();
  if (granted != 0) max_payload_bytes_ = std::min<size_t>(granted, kMaxFramePayloadBytes);
  if (max_payload_bytes_ < kMinClientFrameBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a client must take frames of ",
                                                   kMinClientFrameBytes, " bytes, not only of ",
                                                   max_payload_bytes_));
  }
  greeted_ = true;
  LogFor(activity_.info().id, spdlog::level::debug, "is {}",
         EscapeName(hello.software().substr(0, 100)));
  wire::v1::Welcome welcome;
  welcome.set_software(absl::StrCat("dray-transfer ", kVersion));
  welcome.set_connection_id(activity_.info().id);
  features_ = hello.features() & kFeatures;
  welcome.set_features(features_);
  welcome.mutable_limits()->set_frame_bytes(options_->frame_bytes);
  welcome.mutable_limits()->set_requests(options_->requests);
  welcome.mutable_limits()->set_unacknowledged_bytes(options_->unacknowledged_bytes);
  std::string answer;
  AppendControlFrame(FrameType::kWelcome, 0, welcome, &answer);
  transport_->Send(answer);
  return absl::OkStatus();
}

void Connection::Cancel(uint16_t request) {
  RequestTable::Request* const found = requests_.Find(request);
  if (found == nullptr) {
    puts_->Forget(request);
    return;  // answered meanwhile
  }
  found->cancelled = true;
  puts_->OnCancel(request);
  gets_->OnCancel(request);
}

absl::Status Connection::BeginRequest(const FrameHeader& header) {
  const SteadyTime now = Now();
  DRAY_RETURN_IF_ERROR(requests_.Begin(header, now));
  // The watch may be far off, waiting for an idle connection's end.
  if (next_watch_ > now + options_->working_period) watch_timer_.cancel();
  return absl::OkStatus();
}

bool Connection::Answer(uint16_t request, FrameType type,
                        const google::protobuf::MessageLite& message) {
  if (message.ByteSizeLong() > max_payload_bytes_) return false;
  if (RequestTable::Request* const found = requests_.Find(request)) found->last_answer = Now();
  std::string frame;
  AppendControlFrame(type, request, message, &frame);
  transport_->Send(frame);
  return true;
}

void Connection::Finish(uint16_t request, FrameType type,
                        const google::protobuf::MessageLite& message) {
  if (!Answer(request, type, message)) {
    FinishWithError(request, NotWorthRetrying(absl::ResourceExhaustedError(
                                 "the answer is longer than a frame; ask for less at once")));
    return;
  }
  EndRequest(request);
}

void Connection::FinishWithError(uint16_t request, const absl::Status& status) {
  activity_.metrics().CountError(status.code());
  LogFor(activity_.info().id, spdlog::level::debug, "request {} failed: {}", request,
         status.ToString());
  Answer(request, FrameType::kError, MakeError(status));
  EndRequest(request);
}

void Connection::EndRequest(uint16_t request) {
  requests_.End(request);
  if (draining_ && requests_.empty() && !closing_) SayGoodbyeAndClose();
}

wire::v1::Error Connection::MakeError(const absl::Status& status) const {
  wire::v1::Error error;
  const RetryAdvice advice = AdviceFor(status);
  error.set_code(static_cast<int>(status.code()));
  error.set_message(std::string(status.message()));
  error.set_retry(advice.retry);
  error.set_retry_after_ms(advice.after_ms);
  error.set_connection_id(activity_.info().id);
  return error;
}

// ---- Silence, drain, end ----

awaitable<void> Connection::Watch(std::shared_ptr<Connection> self) {
  while (!self->transport_->broken()) {
    const SteadyTime now = Now();
    if (const absl::Status status = CheckSilence(now); !status.ok()) EndWithError(status);
    SayWorking(now);
    next_watch_ = NextWatch(now);
    watch_timer_.expires_at(next_watch_);
    co_await watch_timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

absl::Status Connection::CheckSilence(SteadyTime now) {
  if (const auto stalled = transport_->stalled_since();
      stalled && now - *stalled >= options_->write_timeout) {
    transport_->Abort();
    return absl::OkStatus();
  }
  if (closing_) {
    if (now - closing_since_ >= kLingerTime) transport_->Abort();
    return absl::OkStatus();
  }
  if (!greeted_ && now - opened_ >= options_->hello_timeout) {
    return absl::DeadlineExceededError("no Hello came in time");
  }
  const auto waiting = transport_->waiting_since();
  if (IsOwedFrames() && waiting && now - *waiting >= options_->upload_timeout) {
    return absl::DeadlineExceededError("nothing came for too long in the middle of an upload");
  }
  if (greeted_ && requests_.empty() &&
      now - transport_->last_received() >= options_->idle_timeout) {
    SayGoodbyeAndClose();
  }
  return absl::OkStatus();
}

void Connection::SayWorking(SteadyTime now) {
  if (closing_ || transport_->pending_bytes() > 0) return;
  std::string frames;
  for (auto& [id, request] : requests_.all()) {
    if (now - request.last_answer < options_->working_period) continue;
    request.last_answer = now;
    AppendEmptyFrame(FrameType::kWorking, id, &frames);
  }
  if (!frames.empty()) transport_->Send(frames);
}

SteadyTime Connection::NextWatch(SteadyTime now) const {
  if (closing_) return now + kLingerTime / 4;
  SteadyTime next = now + options_->idle_timeout;
  if (!greeted_) next = std::min(next, opened_ + options_->hello_timeout);
  if (transport_->stalled_since()) next = std::min(next, now + options_->write_timeout / 4);
  if (IsOwedFrames()) next = std::min(next, now + options_->upload_timeout / 4);
  for (const auto& [id, request] : requests_.all()) {
    next = std::min(next, request.last_answer + options_->working_period);
  }
  if (greeted_ && requests_.empty()) {
    next = std::min(next, transport_->last_received() + options_->idle_timeout);
  }
  return std::max(next, now + std::chrono::milliseconds(1));
}

bool Connection::IsOwedFrames() const { return puts_->receiving() || batches_->receiving(); }

void Connection::SayGoodbye() {
  std::string frame;
  AppendEmptyFrame(FrameType::kGoodbye, 0, &frame);
  transport_->Send(frame);
}

void Connection::SayGoodbyeAndClose() {
  SayGoodbye();
  transport_->EndOutput();
  StartClosing();
}

void Connection::StartClosing() {
  closing_ = true;
  closing_since_ = Now();
  watch_timer_.cancel();
}

void Connection::Drain() {
  asio::post(executor(), [self = shared_from_this()] {
    if (self->draining_ || self->closing_) return;
    self->draining_ = true;
    if (!self->greeted_) {
      self->transport_->Abort();
    } else if (self->requests_.empty()) {
      self->SayGoodbyeAndClose();
    } else {
      self->SayGoodbye();
    }
  });
}

void Connection::Abort() {
  asio::post(executor(), [self = shared_from_this()] { self->transport_->Abort(); });
}

}  // namespace dray::transfer::native
