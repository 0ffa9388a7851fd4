#include "services/transfer/dialects/native/entries_request.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/chunking/leaf_entry.h"
#include "core/chunking/node.h"
#include "services/transfer/dialects/native/connection.h"
#include "services/transfer/engine/delta_client.h"

namespace dray::transfer::native {
namespace {

using boost::asio::awaitable;

constexpr size_t kEntriesFrameBytes = 7'000 * kLeafEntryBytes;

absl::Status ErrorOf(const delta::v1::ResolveResponse::Header& header) {
  return absl::Status(static_cast<absl::StatusCode>(header.code()), header.message());
}

}  // namespace

awaitable<void> SendEntries(std::shared_ptr<Connection> connection, uint16_t request,
                            wire::v1::GetEntries get) {
  delta::v1::ResolveRequest ask;
  delta::v1::ResolveRequest::Item* const item = ask.add_items();
  item->set_path(get.version().path());
  item->set_number(get.version().number());
  item->set_at_ns(get.version().at_ns());
  const auto stream = connection->engine().delta->Resolve(ask, connection->activity().info().id);
  wire::v1::Entries frame;
  delta::v1::ResolveResponse response;
  while (true) {
    response.Clear();
    const absl::StatusOr<bool> more = co_await stream->Read(&response);
    if (!more.ok()) co_return connection->FinishWithError(request, more.status());
    if (!*more) break;
    if (response.has_header()) {
      if (const absl::Status error = ErrorOf(response.header()); !error.ok()) {
        co_return connection->FinishWithError(request, error);
      }
      *frame.mutable_version() = response.header().version();
    }
    for (const delta::v1::StoredChunk& chunk : response.chunks().chunks()) {
      AppendLeafEntry(chunk.id(), chunk.length(), frame.mutable_entries());
      if (frame.entries().size() < kEntriesFrameBytes) continue;
      connection->Answer(request, FrameType::kEntries, frame);
      frame.Clear();
      co_await connection->transport().WaitForRoom();
    }
    if (connection->requests().Cancelled(request)) {
      co_return connection->FinishWithError(request, absl::CancelledError("cancelled"));
    }
  }
  frame.set_last(true);
  connection->Finish(request, FrameType::kEntries, frame);
}

}  // namespace dray::transfer::native
