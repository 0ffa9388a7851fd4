#include "services/transfer/dialects/native/get_queue.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/net/link_time.h"
#include "core/net/spawn.h"
#include "core/telemetry/logging.h"
#include "services/transfer/dialects/native/connection.h"
#include "services/transfer/engine/disk_pool.h"
#include "services/transfer/engine/download.h"
#include "services/transfer/engine/download_bases.h"
#include "services/transfer/engine/old_copies.h"

namespace dray::transfer::native {
namespace {

using boost::asio::awaitable;

// Sent before something else may be sent, and before a cancellation is looked for.
constexpr uint64_t kTurnBytes = 4u << 20;
// The same of answers that are made here: memory of the connection.
constexpr size_t kAnswersBytes = 128u << 10;
// What is sent of the contents themselves where little of it has to be: time of a disk thread.
constexpr uint64_t kAnswersContentBytes = 4u << 20;

absl::StatusOr<delta::v1::ResolveRequest> ToResolve(const wire::v1::Get& get) {
  if (get.items().empty()) return absl::InvalidArgumentError("a Get without items");
  delta::v1::ResolveRequest request;
  for (const wire::v1::Get::Item& item : get.items()) {
    DRAY_RETURN_IF_ERROR(SplitRemotePath(item.version().path()).status());
    auto* const to = request.add_items();
    to->set_path(item.version().path());
    to->set_number(item.version().number());
    to->set_at_ns(item.version().at_ns());
    to->set_have_root(item.have_root());
    for (const wire::v1::ByteRange& range : item.ranges()) {
      auto* const to_range = to->add_ranges();
      to_range->set_offset(range.offset());
      to_range->set_length(range.length());
    }
  }
  return request;
}

// Null when none are offered.
absl::StatusOr<std::unique_ptr<DownloadBases>> TakeBases(wire::v1::Get* get, bool allowed) {
  std::vector<OfferedBase> bases;
  for (wire::v1::Get::Item& item : *get->mutable_items()) {
    if (item.bases().empty()) continue;
    if (!allowed || get->items_size() > 1) {
      return absl::InvalidArgumentError("bases may be offered for one file at a time only");
    }
    for (wire::v1::GetBase& base : *item.mutable_bases()) {
      bases.push_back({.first = base.first(),
                       .count = base.count(),
                       .chunk_ids = std::move(*base.mutable_chunk_ids()),
                       .block_bytes = base.block_bytes(),
                       .hashes = std::move(*base.mutable_hashes()),
                       .base = std::nullopt});
    }
  }
  if (bases.empty()) return nullptr;
  return DownloadBases::Make(std::move(bases));
}

// Null when none are named.
absl::StatusOr<std::unique_ptr<OldCopies>> TakeOldCopies(wire::v1::Get* get, bool allowed) {
  std::vector<std::string> ids;
  bool any = false;
  for (wire::v1::Get::Item& item : *get->mutable_items()) {
    if (!item.old_chunk_ids().empty()) {
      any = true;
      if (!allowed || !item.ranges().empty() || !item.bases().empty()) {
        return absl::InvalidArgumentError(
            "old chunks may be named for whole files only, without bases, where both sides know "
            "how");
      }
    }
    ids.push_back(std::move(*item.mutable_old_chunk_ids()));
  }
  if (!any) return nullptr;
  return OldCopies::Make(std::move(ids));
}

// The frames for some records, from the `next`th on, until they are long enough to be sent.
absl::Status MakeFrames(SegmentStore& store, absl::Span<const SegmentRun> records, uint16_t request,
                        DownloadBases* bases, int level, size_t* next, std::string* frames) {
  uint64_t content_bytes = 0;
  while (*next < records.size() && frames->size() < kAnswersBytes &&
         content_bytes < kAnswersContentBytes) {
    const SegmentRun& record = records[*next];
    DRAY_ASSIGN_OR_RETURN(ChunkAnswer answer, bases->Answer(store, record, level));
    ++*next;
    content_bytes += record.content_bytes;
    if (!answer.record.empty()) {
      frames->append(answer.record);
      continue;
    }
    wire::v1::GetDelta delta;
    delta.set_delta(std::move(answer.delta));
    delta.set_raw_bytes(answer.delta_raw_bytes);
    delta.set_base_first(record.base->old_first);
    delta.set_base_count(record.base->old_count);
    AppendControlFrame(FrameType::kGetDelta, request, delta, frames);
  }
  return absl::OkStatus();
}

// Corks a connection's packets for as long as it lives.
class ScopedCork {
 public:
  explicit ScopedCork(Transport* transport) : transport_(transport) { transport_->Cork(true); }
  ~ScopedCork() { transport_->Cork(false); }
  ScopedCork(const ScopedCork&) = delete;
  ScopedCork& operator=(const ScopedCork&) = delete;

 private:
  Transport* const transport_;
};

}  // namespace

GetQueue::GetQueue(Connection* connection) : connection_(connection) {}
GetQueue::~GetQueue() = default;

void GetQueue::OnGet(const ReceivedFrame& frame) {
  Waiting waiting;
  waiting.request = frame.header.request;
  const absl::Status parsed = ParseControl(frame.header.type, frame.payload(), &waiting.get);
  if (!parsed.ok()) return connection_->FinishWithError(waiting.request, parsed);
  waiting_.push_back(std::move(waiting));
  if (serving_) return;
  serving_ = true;
  Spawn(connection_->executor(), ServeAll(connection_->shared_from_this()));
}

void GetQueue::OnCancel(uint16_t request) {
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(),
                   [request](const Waiting& waiting) { return waiting.request == request; });
  if (found == waiting_.end()) return;  // being served: it looks for itself
  waiting_.erase(found);
  connection_->FinishWithError(request, absl::CancelledError("cancelled"));
}

void GetQueue::Close() { waiting_.clear(); }

awaitable<void> GetQueue::ServeAll(std::shared_ptr<Connection> alive) {
  while (!waiting_.empty()) {
    const uint16_t request = waiting_.front().request;
    wire::v1::Get get = std::move(waiting_.front().get);
    waiting_.pop_front();
    const absl::Status status = co_await ServeOne(request, std::move(get));
    if (!status.ok()) alive->FinishWithError(request, status);
  }
  serving_ = false;
}

awaitable<absl::Status> GetQueue::ServeOne(uint16_t request, wire::v1::Get get) {
  auto resolve = ToResolve(get);
  if (!resolve.ok()) co_return resolve.status();
  auto offered_copies = co_await FindOldCopies(&get);
  if (!offered_copies.ok()) co_return offered_copies.status();
  const std::unique_ptr<OldCopies> old_copies = *std::move(offered_copies);
  auto offered_bases = co_await FindBases(&get);
  if (!offered_bases.ok()) co_return offered_bases.status();
  std::unique_ptr<DownloadBases> bases = *std::move(offered_bases);
  auto opened = co_await Download::Open(&connection_->engine(), &connection_->activity(),
                                        *std::move(resolve), bases.get(), old_copies.get());
  if (!opened.ok()) co_return opened.status();
  const std::unique_ptr<Download> download = *std::move(opened);
  // Makes the answers for what has a base among the old copies.
  if (bases == nullptr && old_copies != nullptr) bases = *DownloadBases::Make({});
  const ScopedCork cork(&connection_->transport());
  absl::Status status = absl::ResourceExhaustedError(
      "the answer is longer than a frame; ask for fewer files at once");
  if (SendItems(request, *download, bases.get(), get.brief())) {
    status = co_await SendData(request, download.get(), bases.get());
  }
  if (!status.ok()) {
    download->transfer().Fail(status);
    co_return status;
  }
  download->Finish();
  connection_->Finish(request, FrameType::kGetEnd, wire::v1::GetEnd());
  co_return absl::OkStatus();
}

awaitable<absl::StatusOr<std::unique_ptr<DownloadBases>>> GetQueue::FindBases(wire::v1::Get* get) {
  auto bases = TakeBases(get, connection_->has_feature(wire::v1::DOWNLOAD_DELTAS));
  if (bases.ok() && *bases != nullptr) {
    co_await (*bases)->Find(&connection_->engine(), connection_->activity().info().id);
  }
  co_return bases;
}

awaitable<absl::StatusOr<std::unique_ptr<OldCopies>>> GetQueue::FindOldCopies(wire::v1::Get* get) {
  auto old_copies = TakeOldCopies(get, connection_->has_feature(wire::v1::OLD_COPIES));
  if (old_copies.ok() && *old_copies != nullptr) {
    co_await (*old_copies)->Find(&connection_->engine(), connection_->activity().info().id);
  }
  co_return old_copies;
}

bool GetQueue::SendItems(uint16_t request, const Download& download, const DownloadBases* bases,
                         bool brief) {
  wire::v1::GetItems items;
  for (const Download::Header& header : download.headers()) {
    wire::v1::GetItems::Item& to = *items.add_items();
    if (!header.error.ok()) {
      *to.mutable_error() = connection_->MakeError(header.error);
      continue;
    }
    if (brief) {
      to.mutable_version()->set_root(header.version.root());
    } else {
      *to.mutable_version() = header.version;
    }
    to.set_same(header.same);
    to.set_data_bytes(header.data_bytes);
    to.set_entries(header.entries);
    if (bases == nullptr) continue;
    to.mutable_unknown_bases()->Assign(bases->unknown().begin(), bases->unknown().end());
  }
  return connection_->Answer(request, FrameType::kGetItems, items);
}

awaitable<absl::Status> GetQueue::SendData(uint16_t request, Download* download,
                                           DownloadBases* bases) {
  while (true) {
    auto next = co_await download->NextRuns();
    if (!next.ok()) co_return next.status();
    const std::vector<SegmentRun> runs = *std::move(next);
    if (runs.empty()) co_return absl::OkStatus();
    for (auto from = runs.begin(); from != runs.end();) {
      const bool based = from->base != nullptr;
      const auto to = std::find_if(from, runs.end(), [based](const SegmentRun& run) {
        return (run.base != nullptr) != based;
      });
      std::vector<SegmentRun> part(from, to);
      absl::Status status;
      if (based) {
        status = co_await SendAnswers(request, download, bases, std::move(part));
      } else {
        status = co_await SendRuns(request, download, std::move(part));
      }
      if (!status.ok()) co_return status;
      from = to;
    }
  }
}

awaitable<absl::Status> GetQueue::SendRuns(uint16_t request, Download* download,
                                           std::vector<SegmentRun> runs) {
  SegmentRunSender sender(connection_->engine().store, std::move(runs));
  while (!sender.done()) {
    if (connection_->requests().Cancelled(request)) co_return absl::CancelledError("cancelled");
    const absl::Status status = co_await SendTurn(request, download, &sender);
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

awaitable<absl::Status> GetQueue::SendAnswers(uint16_t request, Download* download,
                                              DownloadBases* bases,
                                              std::vector<SegmentRun> records) {
  SegmentStore& store = *connection_->engine().store;
  for (size_t next = 0; next < records.size();) {
    if (connection_->requests().Cancelled(request)) co_return absl::CancelledError("cancelled");
    const size_t first = next;
    std::string frames;
    absl::Status status;
    auto job = [&] {
      const absl::Time begun = SteadyNow();
      status = MakeFrames(store, records, request, bases, level_.level(), &next, &frames);
      compressing_ += SteadyNow() - begun;
    };
    co_await connection_->engine().disk->Run(job);
    Transport& transport = connection_->transport();
    if (transport.broken()) co_return absl::UnavailableError("the connection is lost");
    level_.Observe({SteadyNow(), compressing_, LinkTime(transport.fd())});
    transport.Send(frames);
    for (size_t i = first; i < next; ++i) download->transfer().Moved(records[i].content_bytes);
    if (RequestTable::Request* const found = connection_->requests().Find(request)) {
      found->last_answer = std::chrono::steady_clock::now();
    }
    if (!status.ok()) {
      const std::string& path = download->headers()[records[next].item].version.path();
      if (absl::IsDataLoss(status)) status = WithContext(status, EscapeName(path));
      co_return status;
    }
    co_await transport.WaitForRoom();
  }
  co_return absl::OkStatus();
}

awaitable<absl::Status> GetQueue::SendTurn(uint16_t request, Download* download,
                                           SegmentRunSender* sender) {
  Transport& transport = connection_->transport();
  const bool leased = co_await transport.LeaseOutput();
  if (!leased) co_return absl::UnavailableError("the connection is lost");
  absl::Status status;
  auto job = [&] { status = sender->Send(transport.fd(), kTurnBytes); };
  do {
    co_await connection_->engine().disk->Run(job);
    const uint64_t sent = sender->TakeSentBytes();
    transport.CountSent(sent);
    download->transfer().Moved(sender->TakeContentBytes());
    if (RequestTable::Request* const found = connection_->requests().Find(request)) {
      found->last_answer = std::chrono::steady_clock::now();
    }
    if (!status.ok()) break;
    if (sender->blocked()) co_await transport.WaitWritable();
  } while (sender->within_run() && !transport.broken());
  if (!status.ok() && !sender->done()) {
    const size_t item = sender->current().item;
    const std::string& path = download->headers()[item].version.path();
    if (absl::IsDataLoss(status)) status = WithContext(status, EscapeName(path));
    // Half a frame was sent: nothing can follow it.
    if (sender->within_run()) transport.Abort();
  }
  transport.ReturnOutput();
  co_return status;
}

}  // namespace dray::transfer::native
