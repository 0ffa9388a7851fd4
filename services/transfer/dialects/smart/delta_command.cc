#include <algorithm>
#include <array>
#include <utility>

#include "core/base/path.h"
#include "services/transfer/dialects/smart/block_list.h"
#include "services/transfer/dialects/smart/connection.h"
#include "services/transfer/engine/block_upload.h"

namespace dray::transfer::smart {
namespace {

using boost::asio::awaitable;

constexpr uint32_t kBlockBytes = 4096;
// Files of more blocks (16 GiB) are uploaded whole.
constexpr uint64_t kMaxBlocks = 1u << 22;
constexpr uint64_t kMaxListBytes = 80 * kMaxBlocks;
constexpr size_t kLengthBytes = 10;
constexpr size_t kReceiveBytes = 64 * 1024;

// UPLOAD_DELTA, after "ACK". An error of any step is the connection's, unless the step answered it.
class DeltaUpload {
 public:
  DeltaUpload(Connection* connection, const Command* command, BlockUpload* upload)
      : connection_(*connection), command_(*command), upload_(*upload) {}

  awaitable<absl::Status> Run() {
    uint64_t length = 0;
    absl::Status status = co_await ReceiveLength(&length);
    if (!status.ok() || answered_) co_return status;
    status = co_await ReceiveList(length);
    if (!status.ok() || answered_) co_return status;
    status = co_await SendMissing();
    if (!status.ok()) co_return status;
    status = co_await ReceiveBlocks();
    if (!status.ok() || answered_) co_return status;
    co_return co_await Finish();
  }

 private:
  awaitable<absl::Status> Reject(absl::Status why, std::string answer) {
    answered_ = true;
    co_return co_await connection_.Reject(command_, std::move(why), std::move(answer));
  }

  awaitable<absl::Status> ReceiveLength(uint64_t* length) {
    std::array<uint8_t, kLengthBytes> text;
    const absl::Status received =
        co_await stream().ReceiveAll(MutableBytes(text), connection_.options().data_timeout);
    if (!received.ok()) co_return received;
    const auto count = ParseCount(AsText(Bytes(text)));
    if (!count) {
      co_return co_await Reject(absl::InvalidArgumentError("the length of the list is no number"),
                                "ERROR_INVALID_SIZE");
    }
    if (*count > kMaxListBytes) {
      co_return co_await Reject(
          absl::ResourceExhaustedError(
              absl::StrCat("a list of ", *count, " bytes; at most ", kMaxListBytes, " are taken")),
          "ERROR_TOO_LARGE: upload the file whole");
    }
    *length = *count;
    co_return co_await stream().SendAlone("OK");
  }

  awaitable<absl::Status> ReceiveList(uint64_t length) {
    std::string buffer(std::min<uint64_t>(length, kReceiveBytes), '\0');
    absl::Status wrong;
    while (length > 0) {
      const MutableBytes into(reinterpret_cast<uint8_t*>(buffer.data()),
                              std::min<uint64_t>(length, buffer.size()));
      const auto got = co_await stream().Receive(into, connection_.options().data_timeout);
      if (!got.ok()) co_return got.status();
      length -= *got;
      // What is wrong is told when all has come: until then the client does not listen.
      if (wrong.ok()) wrong = parser_.Write(std::string_view(buffer).substr(0, *got));
      const std::string hashes = parser_.TakeHashes();
      if (wrong.ok()) wrong = co_await upload_.AddHashes(hashes);
    }
    if (wrong.ok()) wrong = parser_.Finish();
    if (wrong.ok()) wrong = co_await upload_.EndHashes();
    if (wrong.ok()) co_return wrong;
    // Made before the await: GCC 12 seems to destroy the temporaries of a conditional in it twice.
    std::string answer = "ERROR_INVALID_LIST";
    if (!absl::IsInvalidArgument(wrong)) answer = ErrorAnswer(wrong);
    co_return co_await Reject(std::move(wrong), std::move(answer));
  }

  awaitable<absl::Status> SendMissing() {
    MissingText text(&upload_.missing());
    absl::Status status = co_await stream().SendAlone(TenBytes(text.length_bytes()));
    std::string piece = text.Next();
    std::string next = text.Next();
    for (; status.ok() && !next.empty(); piece = std::exchange(next, text.Next())) {
      status = co_await stream().Send(piece);
    }
    if (status.ok()) status = co_await stream().SendAlone(piece);
    co_return status;
  }

  awaitable<absl::Status> ReceiveBlocks() {
    std::array<uint8_t, 2 * sizeof(uint32_t)> head;
    std::array<uint8_t, kBlockBytes> data;
    for (size_t i = 0; i < upload_.missing().size(); ++i) {
      absl::Status status = co_await Receive(MutableBytes(head));
      if (!status.ok()) co_return status;
      const auto index = LoadBigEndian<uint32_t>(head.data());
      const auto length = LoadBigEndian<uint32_t>(head.data() + sizeof(uint32_t));
      if (length > kBlockBytes) {
        const absl::Status why =
            absl::InvalidArgumentError(absl::StrCat("a block of ", length, " bytes"));
        (co_await Reject(why, "INTEGRITY_FAIL")).IgnoreError();
        co_return why;  // where the next block begins is not known any more
      }
      const MutableBytes block(data.data(), length);
      status = co_await Receive(block);
      if (!status.ok()) co_return status;
      status = co_await stream().SendAlone("ACK");
      if (!status.ok()) co_return status;
      if (wrong_.ok()) wrong_ = co_await upload_.AddBlock(index, block);
    }
    co_return absl::OkStatus();
  }

  awaitable<absl::Status> Finish() {
    if (wrong_.ok()) wrong_ = co_await upload_.Finish(parser_.file_hash());
    if (!wrong_.ok()) co_return co_await Reject(wrong_, "INTEGRITY_FAIL");
    co_return co_await stream().SendAlone("INTEGRITY_OK");
  }

  awaitable<absl::Status> Receive(MutableBytes into) {
    return stream().ReceiveAll(into, connection_.options().data_timeout);
  }
  ClassicStream& stream() { return connection_.stream(); }

  Connection& connection_;
  const Command& command_;
  BlockUpload& upload_;
  BlockListParser parser_;
  absl::Status wrong_;  // of a block: told after the last
  bool answered_ = false;
};

}  // namespace

awaitable<absl::Status> RunUploadDelta(Connection* connection, Command command) {
  BlockUpload::Target target{command.name, connection->author(), kBlockBytes, kMaxBlocks};
  auto upload = co_await BlockUpload::Open(&connection->engine(), connection->stream().executor(),
                                           &connection->activity(), std::move(target));
  if (absl::IsNotFound(upload.status()) ||
      (upload.ok() && (*upload)->base_bytes() > kMaxBlocks * kBlockBytes)) {
    co_return co_await connection->stream().SendAlone("FULL_UPLOAD_REQUIRED");
  }
  if (absl::IsFailedPrecondition(upload.status())) {
    co_return co_await connection->Reject(command, upload.status(), "ERROR_IS_A_FOLDER");
  }
  if (!upload.ok()) {
    co_return co_await connection->Reject(command, upload.status(), ErrorAnswer(upload.status()));
  }
  const absl::Status acknowledged = co_await connection->stream().SendAlone("ACK");
  if (!acknowledged.ok()) co_return acknowledged;
  DeltaUpload conversation(connection, &command, upload->get());
  co_return co_await conversation.Run();
}

}  // namespace dray::transfer::smart
