#include "services/transfer/engine/download.h"

#include <algorithm>
#include <utility>

#include "services/transfer/engine/download_bases.h"
#include "services/transfer/engine/retry_advice.h"

namespace dray::transfer {
namespace {

using boost::asio::awaitable;

// Of the versions in an answer to several items: it has to fit one frame.
constexpr size_t kMaxHeaderBytes = 960 * 1024;
constexpr size_t kHeaderOverheadBytes = 24;

std::string Title(const delta::v1::ResolveRequest& request) {
  if (request.items_size() == 0) return "";
  const std::string& first = request.items(0).path();
  if (request.items_size() == 1) return first;
  return absl::StrCat(first, " and ", request.items_size() - 1, " more");
}

absl::Status AskForFewer(absl::string_view what) {
  return NotWorthRetrying(absl::ResourceExhaustedError(
      absl::StrCat(what, "; ask for fewer files at once, or for large ones alone")));
}

absl::Status BrokenAnswer() {
  return absl::InternalError("delta's answer does not fit the files asked for");
}

}  // namespace

Download::Download(Leases::Lease lease, const Activity::Connection* connection,
                   const delta::v1::ResolveRequest& request, DownloadBases* bases)
    : lease_(std::move(lease)),
      transfer_(connection, Direction::kDownload, Title(request)),
      bases_(bases) {}

awaitable<absl::StatusOr<std::unique_ptr<Download>>> Download::Open(
    const Engine* engine, const Activity::Connection* connection, delta::v1::ResolveRequest request,
    DownloadBases* bases) {
  std::unique_ptr<Download> download(
      new Download(engine->operations->Begin(), connection, request, bases));
  download->stream_ = engine->delta->Resolve(request, connection->info().id);
  const absl::Status status =
      co_await download->ReadHeaders(static_cast<size_t>(request.items_size()));
  if (!status.ok()) {
    download->transfer_.Fail(status);
    co_return status;
  }
  co_return download;
}

awaitable<absl::Status> Download::ReadHeaders(size_t items) {
  delta::v1::ResolveResponse response;
  while (items != 1 || headers_.empty()) {
    response.Clear();
    const absl::StatusOr<bool> more = co_await stream_->Read(&response);
    if (!more.ok()) co_return more.status();
    if (!*more) {
      ended_ = true;
      break;
    }
    absl::Status status;
    if (response.has_header()) {
      status = TakeHeader(response.header(), items);
    } else {
      status = TakeChunks(response.chunks());
      if (status.ok() && locations_ > kMaxLocations) {
        status = AskForFewer(absl::StrCat("the files have more than ", kMaxLocations, " chunks"));
      }
    }
    if (!status.ok()) co_return status;
  }
  if (headers_.size() != items) co_return BrokenAnswer();
  uint64_t total = 0;
  uint64_t data = 0;
  for (const Header& header : headers_) {
    if (!header.error.ok()) continue;
    total += header.version.metadata().size();
    data += header.data_bytes;
  }
  transfer_.SetTotal(total);
  transfer_.SetSaved(total - std::min(total, data));
  co_return absl::OkStatus();
}

absl::Status Download::TakeHeader(const delta::v1::ResolveResponse::Header& header, size_t items) {
  if (headers_.size() == items) return BrokenAnswer();
  header_bytes_ += header.ByteSizeLong() + kHeaderOverheadBytes;
  if (header_bytes_ > kMaxHeaderBytes) return AskForFewer("the files' names are too long together");
  headers_.push_back(
      Header{header.version(), header.same(), header.data_bytes(),
             absl::Status(static_cast<absl::StatusCode>(header.code()), header.message())});
  return absl::OkStatus();
}

absl::Status Download::TakeChunks(const delta::v1::ResolveResponse::Chunks& chunks) {
  if (headers_.empty()) return BrokenAnswer();
  locations_ += static_cast<size_t>(chunks.chunks_size());
  for (const delta::v1::StoredChunk& chunk : chunks.chunks()) {
    const OfferedBase* const base = bases_ == nullptr ? nullptr : bases_->For(chunks_told_++);
    if (base != nullptr && DownloadBases::IsUnknown(*base)) continue;
    runs_.Add({.segment = static_cast<SegmentId>(chunk.segment()),
               .offset_bytes = chunk.offset(),
               .length_bytes = chunk.stored(),
               .item = headers_.size() - 1,
               .content_bytes = chunk.length(),
               .base = base});
  }
  return absl::OkStatus();
}

awaitable<absl::StatusOr<std::vector<SegmentRun>>> Download::NextRuns() {
  delta::v1::ResolveResponse response;
  while (runs_.empty() && !ended_) {
    response.Clear();
    const absl::StatusOr<bool> more = co_await stream_->Read(&response);
    if (!more.ok()) co_return more.status();
    if (!*more) {
      ended_ = true;
      break;
    }
    if (!response.has_chunks()) co_return BrokenAnswer();
    const absl::Status status = TakeChunks(response.chunks());
    if (!status.ok()) co_return status;
  }
  co_return runs_.Take();
}

void Download::Finish() {
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t saved = 0;
  for (const Header& header : headers_) {
    if (!header.error.ok()) continue;
    const uint64_t size = header.version.metadata().size();
    ++files;
    bytes += size;
    saved += size - std::min(size, header.data_bytes);
  }
  if (files == 0) {
    transfer_.Forget();
  } else {
    transfer_.Finish(files, bytes, saved);
  }
}

}  // namespace dray::transfer
