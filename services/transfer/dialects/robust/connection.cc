#include "services/transfer/dialects/robust/connection.h"

#include <array>
#include <boost/asio/post.hpp>
#include <utility>

#include "absl/time/clock.h"
#include "core/base/path.h"
#include "core/telemetry/logging.h"
#include "services/transfer/dialects/robust/request.h"
#include "services/transfer/engine/dialect_metrics.h"
#include "services/transfer/engine/file_reader.h"
#include "services/transfer/engine/md5_keeper.h"

namespace dray::transfer::robust {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

}  // namespace

Connection::Connection(const Engine* engine, const Options* options, DialectMetrics* metrics,
                       AcceptedSocket accepted)
    : admission_(std::move(accepted.admission)),
      engine_(engine),
      options_(options),
      activity_(engine->activity, metrics,
                {engine->activity->NewConnectionId(), accepted.peer, "robust", absl::Now()}),
      stream_(std::make_shared<ClassicStream>(std::move(accepted.socket), &metrics->bytes_received,
                                              &metrics->bytes_sent, options->stream)) {}

awaitable<void> Connection::Serve() {
  const auto self = shared_from_this();
  bool answered = false;
  absl::StatusOr<std::string> name = co_await ReceiveName();
  busy_ = true;
  absl::Status status = name.status();
  if (status.ok()) status = co_await SendFile(*std::move(name), &answered);
  if (status.ok()) {
    co_await stream_->End();
  } else if (answered) {
    // Fewer bytes than were announced are all that the client can still be told.
    LogFor(activity_.info().id, spdlog::level::warn, "from {}: {}", activity_.info().peer,
           status.ToString());
    activity_.metrics().CountError(status.code());
    stream_->Abort();
  } else {
    co_await Refuse(std::move(status));
  }
}

awaitable<void> Connection::Refuse(absl::Status why) {
  const auto self = shared_from_this();
  LogFor(activity_.info().id, spdlog::level::warn, "from {}: {}", activity_.info().peer,
         why.ToString());
  activity_.metrics().CountError(why.code());
  absl::Status sent = co_await stream_->SendAlone("ERROR");
  if (sent.ok()) sent = co_await stream_->Send(ErrorMessage(std::string(why.message())));
  if (sent.ok()) {
    co_await stream_->End();
  } else {
    stream_->Abort();
  }
}

awaitable<absl::StatusOr<std::string>> Connection::ReceiveName() {
  std::array<uint8_t, kRequestHeadBytes> head;
  absl::Status status = co_await stream_->ReceiveAll(MutableBytes(head), options_->request_timeout);
  if (!status.ok()) co_return status;
  const absl::StatusOr<size_t> length = NameLength(head.data());
  if (!length.ok()) co_return length.status();
  std::string name(*length, '\0');
  status = co_await stream_->ReceiveAll(
      MutableBytes(reinterpret_cast<uint8_t*>(name.data()), name.size()),
      options_->request_timeout);
  if (!status.ok()) co_return status;
  status = CheckName(name);
  if (!status.ok()) co_return status;
  co_return name;
}

awaitable<absl::Status> Connection::SendFile(std::string name, bool* answered) {
  auto reader = co_await FileReader::Open(engine_, name, 0, 0, activity_.info().id);
  if (!reader.ok()) co_return reader.status();
  const auto md5 = co_await engine_->md5s->Await((*reader)->version(), options_->md5_patience);
  if (!md5.ok()) co_return md5.status();
  Activity::Transfer transfer(&activity_, Direction::kDownload, name);
  transfer.SetTotal((*reader)->size());
  *answered = true;
  absl::Status status = co_await stream_->SendAlone("OK");
  if (status.ok()) status = co_await stream_->Send(FileHead(name, (*reader)->size(), *md5));
  while (status.ok()) {
    const absl::StatusOr<Slice> piece = co_await (*reader)->Next();
    status = piece.status();
    if (!status.ok() || piece->bytes.empty()) break;
    status = co_await stream_->Send(AsText(piece->bytes));
    transfer.Moved(piece->bytes.size());
  }
  if (status.ok()) {
    transfer.Finish(1, (*reader)->size(), 0);
  } else {
    transfer.Fail(status);
  }
  co_return status;
}

void Connection::Drain() {
  asio::post(stream_->executor(), [self = shared_from_this()] {
    if (!self->busy_) self->stream_->Abort();
  });
}

void Connection::Abort() {
  asio::post(stream_->executor(), [self = shared_from_this()] { self->stream_->Abort(); });
}

}  // namespace dray::transfer::robust
