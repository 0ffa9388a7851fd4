#include <zlib.h>

#include <algorithm>
#include <utility>

#include "core/base/path.h"
#include "services/transfer/dialects/smart/connection.h"
#include "services/transfer/engine/disk_pool.h"
#include "services/transfer/engine/file_reader.h"

namespace dray::transfer::smart {
namespace {

using boost::asio::awaitable;

// The longest piece of a compressed stream.
constexpr size_t kPieceBytes = 64 * 1024;

// One zlib stream, cut in pieces, each after its length. Fast rather than small: the link is rarely
// slower than the strongest compression.
class PieceCompressor {
 public:
  PieceCompressor() { deflateInit(&stream_, Z_BEST_SPEED); }
  ~PieceCompressor() { deflateEnd(&stream_); }
  PieceCompressor(const PieceCompressor&) = delete;
  PieceCompressor& operator=(const PieceCompressor&) = delete;

  // Appends the pieces that are ready to `out`.
  void Add(Bytes bytes, std::string* out) { Run(bytes, Z_NO_FLUSH, out); }
  // The last pieces, and the end's mark.
  void Finish(std::string* out) {
    Run({}, Z_FINISH, out);
    out->append(sizeof(uint32_t), '\0');
  }

 private:
  void Run(Bytes bytes, int flush, std::string* out) {
    stream_.next_in = const_cast<uint8_t*>(bytes.data());
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      const size_t head = out->size();
      out->resize(head + sizeof(uint32_t) + kPieceBytes);
      auto* const at = reinterpret_cast<uint8_t*>(out->data()) + head;
      stream_.next_out = at + sizeof(uint32_t);
      stream_.avail_out = kPieceBytes;
      deflate(&stream_, flush);
      const size_t made = kPieceBytes - stream_.avail_out;
      StoreBigEndian(at, static_cast<uint32_t>(made));
      out->resize(made == 0 ? head : head + sizeof(uint32_t) + made);
    } while (stream_.avail_out == 0);
  }

  z_stream stream_{};
};

awaitable<absl::Status> SendPlain(Connection* connection, FileReader* reader,
                                  Activity::Transfer* transfer) {
  while (true) {
    const absl::StatusOr<Slice> piece = co_await reader->Next();
    if (!piece.ok() || piece->bytes.empty()) co_return piece.status();
    const absl::Status sent = co_await connection->stream().Send(AsText(piece->bytes));
    if (!sent.ok()) co_return sent;
    transfer->Moved(piece->bytes.size());
  }
}

awaitable<absl::Status> SendCompressed(Connection* connection, FileReader* reader,
                                       Activity::Transfer* transfer) {
  PieceCompressor compressor;
  while (true) {
    const absl::StatusOr<Slice> piece = co_await reader->Next();
    if (!piece.ok()) co_return piece.status();
    std::string out;
    auto job = [&] {
      if (piece->bytes.empty()) {
        compressor.Finish(&out);
      } else {
        compressor.Add(piece->bytes, &out);
      }
    };
    co_await connection->engine().disk->Run(job);
    const absl::Status sent = co_await connection->stream().Send(out);
    if (!sent.ok() || piece->bytes.empty()) co_return sent;
    transfer->Moved(out.size());
    transfer->Passed(piece->bytes.size());
  }
}

}  // namespace

awaitable<absl::Status> RunDownload(Connection* connection, Command command) {
  auto reader = co_await FileReader::Open(&connection->engine(), command.name, 0, command.offset,
                                          connection->activity().info().id);
  if (absl::IsNotFound(reader.status()) || absl::IsFailedPrecondition(reader.status())) {
    co_return co_await connection->Reject(command, reader.status(), "NOT_FOUND");
  }
  if (!reader.ok()) {
    co_return co_await connection->Reject(command, reader.status(), ErrorAnswer(reader.status()));
  }
  const uint64_t size = (*reader)->size();
  const uint64_t count = size - std::min(size, command.offset);
  const std::string answer = absl::StrCat(command.compress ? "COMPRESSED_" : "", count);
  absl::Status status = co_await connection->stream().SendAlone(answer);
  if (!status.ok()) co_return status;
  const auto confirmed =
      co_await connection->stream().ReceiveLiteral("OK", connection->options().data_timeout);
  // What came instead is the next command.
  if (!confirmed.ok() || !*confirmed) co_return confirmed.status();
  Activity::Transfer transfer(&connection->activity(), Direction::kDownload, command.name);
  transfer.SetTotal(count);
  // Not as one conditional expression: GCC 12 then awaits the wrong one.
  if (command.compress) {
    status = co_await SendCompressed(connection, reader->get(), &transfer);
  } else {
    status = co_await SendPlain(connection, reader->get(), &transfer);
  }
  if (status.ok()) {
    transfer.Finish(1, count, count - std::min(count, transfer.moved()));
  } else {
    transfer.Fail(status);
  }
  co_return status;
}

}  // namespace dray::transfer::smart
