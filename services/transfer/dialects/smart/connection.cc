#include "services/transfer/dialects/smart/connection.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "absl/time/clock.h"
#include "core/base/path.h"
#include "core/base/random.h"
#include "core/chunking/sha256.h"
#include "core/telemetry/logging.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/dialect_metrics.h"
#include "services/transfer/engine/raw_upload.h"

namespace dray::transfer::smart {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

constexpr size_t kMaxAnswerBytes = 1024;
constexpr size_t kListPieceBytes = 64 * 1024;
constexpr size_t kOperationIdBytes = 16;
constexpr uint32_t kDefaultMode = 0644;

// In a time that tells nothing of the password.
bool SamePassword(const std::string& one, const std::string& other) {
  return CRYPTO_memcmp(Sha256(AsBytes(one)).data(), Sha256(AsBytes(other)).data(), kDigestBytes) ==
         0;
}

}  // namespace

std::string ErrorAnswer(const absl::Status& status) {
  std::string answer = absl::StrCat("ERROR_", absl::StatusCodeToString(status.code()), ": ",
                                    EscapeName(std::string(status.message())));
  if (answer.size() <= kMaxAnswerBytes) return answer;
  size_t end = kMaxAnswerBytes;
  while ((static_cast<uint8_t>(answer[end]) & 0xC0) == 0x80) --end;
  answer.resize(end);
  return answer;
}

Connection::Connection(const Engine* engine, const Options* options, DialectMetrics* metrics,
                       AcceptedSocket accepted)
    : admission_(std::move(accepted.admission)),
      engine_(engine),
      options_(options),
      activity_(engine->activity, metrics,
                {engine->activity->NewConnectionId(), accepted.peer, "smart", absl::Now()}),
      author_(accepted.peer.substr(0, accepted.peer.rfind(':'))),
      stream_(std::make_shared<ClassicStream>(std::move(accepted.socket), &metrics->bytes_received,
                                              &metrics->bytes_sent, options->stream)) {}

awaitable<void> Connection::Serve() {
  const auto self = shared_from_this();
  const absl::Status status = co_await ServeCommands();
  // A client that went away between two commands is none of anybody's business.
  if (!status.ok() && (busy_ || !absl::IsUnavailable(status))) {
    LogFor(activity_.info().id, spdlog::level::warn, "from {}: {}", activity_.info().peer,
           status.ToString());
    activity_.metrics().CountError(status.code());
  }
  if (status.ok() || absl::IsInvalidArgument(status)) {
    co_await stream_->End();
  } else {
    stream_->Abort();
  }
}

awaitable<void> Connection::Refuse(absl::Status why) {
  const auto self = shared_from_this();
  LogFor(activity_.info().id, spdlog::level::warn, "from {}: refused: {}", activity_.info().peer,
         why.ToString());
  activity_.metrics().CountError(why.code());
  const absl::Status sent = co_await stream_->SendAlone(ErrorAnswer(why));
  if (sent.ok()) {
    co_await stream_->End();
  } else {
    stream_->Abort();
  }
}

awaitable<absl::Status> Connection::ServeCommands() {
  while (!draining_) {
    busy_ = false;
    const auto text =
        co_await stream_->ReceiveText(kMaxCommandBytes, options_->quiet, options_->idle_timeout);
    busy_ = !absl::IsUnavailable(text.status());
    if (absl::IsInvalidArgument(text.status())) {
      (co_await stream_->SendAlone("ERROR_UNKNOWN_COMMAND")).IgnoreError();
    }
    if (!text.ok()) co_return text.status();
    Command command = ParseCommand(*text);
    if (command.error.empty() && command.verb == Verb::kExit) co_return absl::OkStatus();
    const absl::Status status = co_await Run(std::move(command));
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

awaitable<absl::Status> Connection::Run(Command command) {
  if (!command.error.empty()) {
    std::string answer = command.error;
    co_return co_await Reject(command, absl::InvalidArgumentError("a command that is wrong"),
                              std::move(answer));
  }
  switch (command.verb) {
    case Verb::kList:
      co_return co_await List(std::move(command));
    case Verb::kUpload:
      co_return co_await Upload(std::move(command));
    case Verb::kDownload:
      co_return co_await RunDownload(this, std::move(command));
    case Verb::kUploadDelta:
      co_return co_await RunUploadDelta(this, std::move(command));
    case Verb::kDelete:
      co_return co_await Delete(std::move(command));
    case Verb::kExit:
    case Verb::kUnknown:
      break;
  }
  co_return absl::OkStatus();
}

awaitable<absl::Status> Connection::Reject(const Command& command, absl::Status why,
                                           std::string answer) {
  LogFor(activity_.info().id, spdlog::level::warn, "from {}: {} {}: {}; answered {}",
         activity_.info().peer, VerbName(command.verb), EscapeName(command.name), why.ToString(),
         answer);
  activity_.metrics().CountError(why.code());
  co_return co_await stream_->SendAlone(answer);
}

awaitable<absl::StatusOr<std::string>> Connection::ReceiveText() {
  co_return co_await stream_->ReceiveText(kMaxCommandBytes, options_->quiet,
                                          options_->data_timeout);
}

awaitable<absl::Status> Connection::List(Command command) {
  const auto names = engine_->delta->List(delta::v1::ListRequest(), activity_.info().id);
  std::string text;
  bool any = false;
  delta::v1::VersionsResponse response;
  while (true) {
    response.Clear();
    const absl::StatusOr<bool> more = co_await names->Read(&response);
    if (!more.ok()) {
      // In the middle of a list the client can only be told by its end.
      if (any) co_return more.status();
      co_return co_await Reject(command, more.status(), ErrorAnswer(more.status()));
    }
    if (!*more) break;
    for (const wire::v1::Version& version : response.versions()) {
      if (version.metadata().kind() != wire::v1::FILE || !IsPlainName(version.path())) continue;
      absl::StrAppend(&text, any || !text.empty() ? "\n" : "", version.path());
      if (text.size() < kListPieceBytes) continue;
      const absl::Status sent = co_await stream_->Send(text);
      if (!sent.ok()) co_return sent;
      any = true;
      text.clear();
    }
  }
  if (text.empty() && !any) text = "No files found";
  co_return co_await stream_->SendAlone(text);
}

awaitable<absl::Status> Connection::Upload(Command command) {
  delta::v1::StatRequest stat;
  stat.set_path(command.name);
  const auto there = co_await engine_->delta->Stat(std::move(stat), activity_.info().id);
  const bool file = there.ok() && there->version().metadata().kind() == wire::v1::FILE;
  if (there.ok() && there->version().metadata().kind() == wire::v1::FOLDER) {
    co_return co_await Reject(command, absl::FailedPreconditionError("a folder is there"),
                              "ERROR_IS_A_FOLDER");
  }
  if (!there.ok() && !absl::IsNotFound(there.status())) {
    co_return co_await Reject(command, there.status(), ErrorAnswer(there.status()));
  }
  absl::Status status = co_await stream_->SendAlone("OK");
  if (!status.ok()) co_return status;
  const auto text = co_await ReceiveText();
  if (!text.ok()) co_return text.status();
  const auto size = ParseCount(*text);
  if (!size) {
    co_return co_await Reject(command,
                              absl::InvalidArgumentError(absl::StrCat(
                                  "\"", EscapeName(text->substr(0, 100)), "\" is no size")),
                              "ERROR_INVALID_SIZE");
  }
  wire::v1::Metadata metadata;
  metadata.set_kind(wire::v1::FILE);
  metadata.set_mode(kDefaultMode);
  if (file) metadata = there->version().metadata();
  metadata.set_mtime_ns(absl::GetCurrentTimeNanos());
  co_return co_await ReceiveFile(std::move(command), *size, std::move(metadata));
}

awaitable<absl::Status> Connection::ReceiveFile(Command command, uint64_t size,
                                                wire::v1::Metadata metadata) {
  auto upload = co_await RawUpload::Open(engine_, stream_->executor(), &activity_, command.name,
                                         author_, size);
  if (!upload.ok()) {
    co_return co_await Reject(command, upload.status(), ErrorAnswer(upload.status()));
  }
  absl::Status status = co_await stream_->SendAlone("OK");
  while (status.ok() && (*upload)->bytes() < size) {
    MutableBytes room = (*upload)->room();
    room = room.first(std::min<uint64_t>(room.size(), size - (*upload)->bytes()));
    const auto got = co_await stream_->Receive(room, options_->data_timeout);
    status = got.status();
    if (got.ok()) status = co_await (*upload)->Added(*got);
  }
  if (status.ok()) {
    const auto committed = co_await (*upload)->Commit(std::move(metadata));
    status = committed.status();
  }
  // Nothing is answered after the data: that it failed shows in that the connection ends.
  if (!status.ok()) (*upload)->Fail(status);
  co_return status;
}

awaitable<absl::Status> Connection::Delete(Command command) {
  if (options_->admin_password.empty() ||
      !SamePassword(command.password, options_->admin_password)) {
    co_await stream_->Sleep(options_->password_pause);
    co_return co_await Reject(command, absl::UnauthenticatedError("a wrong password"),
                              "ERROR_AUTH_FAILED");
  }
  delta::v1::StatRequest stat;
  stat.set_path(command.name);
  const auto there = co_await engine_->delta->Stat(std::move(stat), activity_.info().id);
  absl::Status status = there.status();
  if (status.ok() && there->version().metadata().kind() != wire::v1::FILE) {
    status = absl::NotFoundError("what is there is no file");
  }
  if (status.ok()) {
    delta::v1::DeleteRequest request;
    request.set_path(command.name);
    request.set_operation_id(RandomBytes(kOperationIdBytes));
    request.set_author(author_);
    const auto deleted = co_await engine_->delta->Delete(std::move(request), activity_.info().id);
    status = deleted.status();
  }
  if (absl::IsNotFound(status)) {
    co_return co_await Reject(command, status, "ERROR_NOT_FOUND");
  }
  if (!status.ok()) co_return co_await Reject(command, status, ErrorAnswer(status));
  LogFor(activity_.info().id, spdlog::level::info, "from {}: deleted {}", activity_.info().peer,
         EscapeName(command.name));
  co_return co_await stream_->SendAlone("OK");
}

void Connection::Drain() {
  asio::post(stream_->executor(), [self = shared_from_this()] {
    self->draining_ = true;
    if (!self->busy_) self->stream_->Abort();
  });
}

void Connection::Abort() {
  asio::post(stream_->executor(), [self = shared_from_this()] { self->stream_->Abort(); });
}

}  // namespace dray::transfer::smart
