#include "services/transfer/engine/download.h"

#include <algorithm>
#include <utility>

#include "services/transfer/engine/download_bases.h"
#include "services/transfer/engine/old_copies.h"
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
                   const delta::v1::ResolveRequest& request, DownloadBases* bases,
                   OldCopies* old_copies)
    : lease_(std::move(lease)),
      transfer_(connection, Direction::kDownload, Title(request)),
      bases_(bases),
      old_copies_(old_copies) {}

awaitable<absl::StatusOr<std::unique_ptr<Download>>> Download::Open(
    const Engine* engine, const Activity::Connection* connection, delta::v1::ResolveRequest request,
    DownloadBases* bases, OldCopies* old_copies) {
  std::unique_ptr<Download> download(
      new Download(engine->operations->Begin(), connection, request, bases, old_copies));
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
  const auto streams = [&] {  // what comes now may be told as it is read
    if (items != 1) return false;
    return old_copies_ == nullptr ? !headers_.empty() : locations_ > OldCopies::kMaxEntries;
  };
  while (!streams()) {
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
      status = TakeChunks(response.mutable_chunks());
      if (status.ok() && locations_ > kMaxLocations && items != 1) {
        status = AskForFewer(absl::StrCat("the files have more than ", kMaxLocations, " chunks"));
      }
    }
    if (!status.ok()) co_return status;
  }
  if (headers_.size() != items) co_return BrokenAnswer();
  UseOldCopies();
  CountTotals();
  co_return absl::OkStatus();
}

void Download::UseOldCopies() {
  OldCopies* const old_copies = std::exchange(old_copies_, nullptr);
  for (size_t item = 0; item < held_.size(); ++item) {
    const std::vector<delta::v1::StoredChunk> chunks = std::move(held_[item]);
    Header& header = headers_[item];
    OldCopies::Plan plan = old_copies->PlanItem(item, chunks);
    // The answer has to fit one frame.
    if (header_bytes_ + plan.entries.size() > kMaxHeaderBytes) plan = {};
    if (!plan.chunks.empty()) {
      header_bytes_ += plan.entries.size();
      header.entries = std::move(plan.entries);
      header.data_bytes = plan.sent_bytes;
    }
    plan.chunks.resize(chunks.size(), {.sent = true});
    for (size_t i = 0; i < chunks.size(); ++i) {
      if (plan.chunks[i].sent) AddRun(chunks[i], item, plan.chunks[i].base);
    }
  }
  held_.clear();
}

void Download::CountTotals() {
  uint64_t total = 0;
  uint64_t data = 0;
  for (const Header& header : headers_) {
    if (!header.error.ok()) continue;
    total += header.version.metadata().size();
    data += header.data_bytes;
  }
  transfer_.SetTotal(total);
  transfer_.SetSaved(total - std::min(total, data));
}

absl::Status Download::TakeHeader(const delta::v1::ResolveResponse::Header& header, size_t items) {
  if (headers_.size() == items) return BrokenAnswer();
  header_bytes_ += header.ByteSizeLong() + kHeaderOverheadBytes;
  if (header_bytes_ > kMaxHeaderBytes) return AskForFewer("the files' names are too long together");
  headers_.push_back(
      Header{header.version(),
             header.same(),
             header.data_bytes(),
             absl::Status(static_cast<absl::StatusCode>(header.code()), header.message()),
             {}});
  if (old_copies_ != nullptr) held_.emplace_back();
  return absl::OkStatus();
}

absl::Status Download::TakeChunks(delta::v1::ResolveResponse::Chunks* chunks) {
  if (headers_.empty()) return BrokenAnswer();
  locations_ += static_cast<size_t>(chunks->chunks_size());
  for (delta::v1::StoredChunk& chunk : *chunks->mutable_chunks()) {
    if (old_copies_ != nullptr) {
      held_.back().push_back(std::move(chunk));
      continue;
    }
    const OfferedBase* const base = bases_ == nullptr ? nullptr : bases_->For(chunks_told_++);
    if (base != nullptr && DownloadBases::IsUnknown(*base)) continue;
    AddRun(chunk, headers_.size() - 1, base);
  }
  return absl::OkStatus();
}

void Download::AddRun(const delta::v1::StoredChunk& chunk, size_t item, const OfferedBase* base) {
  runs_.Add({.segment = static_cast<SegmentId>(chunk.segment()),
             .offset_bytes = chunk.offset(),
             .length_bytes = chunk.stored(),
             .item = item,
             .content_bytes = chunk.length(),
             .base = base});
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
    const absl::Status status = TakeChunks(response.mutable_chunks());
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
