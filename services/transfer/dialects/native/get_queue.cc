#include "services/transfer/dialects/native/get_queue.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/path.h"
#include "core/net/spawn.h"
#include "core/telemetry/logging.h"
#include "services/transfer/dialects/native/connection.h"
#include "services/transfer/engine/disk_pool.h"
#include "services/transfer/engine/download.h"

namespace dray::transfer::native {
namespace {

using boost::asio::awaitable;

// Sent before something else may be sent, and before a cancellation is looked for.
constexpr uint64_t kTurnBytes = 4u << 20;

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
  auto opened = co_await Download::Open(&connection_->engine(), &connection_->activity(),
                                        *std::move(resolve));
  if (!opened.ok()) co_return opened.status();
  const std::unique_ptr<Download> download = *std::move(opened);
  const ScopedCork cork(&connection_->transport());
  absl::Status status = absl::ResourceExhaustedError(
      "the answer is longer than a frame; ask for fewer files at once");
  if (SendItems(request, *download)) status = co_await SendData(request, download.get());
  if (!status.ok()) {
    download->transfer().Fail(status);
    co_return status;
  }
  download->Finish();
  connection_->Finish(request, FrameType::kGetEnd, wire::v1::GetEnd());
  co_return absl::OkStatus();
}

bool GetQueue::SendItems(uint16_t request, const Download& download) {
  wire::v1::GetItems items;
  for (const Download::Header& header : download.headers()) {
    wire::v1::GetItems::Item& to = *items.add_items();
    if (!header.error.ok()) {
      *to.mutable_error() = connection_->MakeError(header.error);
      continue;
    }
    *to.mutable_version() = header.version;
    to.set_same(header.same);
    to.set_data_bytes(header.data_bytes);
  }
  return connection_->Answer(request, FrameType::kGetItems, items);
}

awaitable<absl::Status> GetQueue::SendData(uint16_t request, Download* download) {
  while (true) {
    auto runs = co_await download->NextRuns();
    if (!runs.ok()) co_return runs.status();
    if (runs->empty()) co_return absl::OkStatus();
    SegmentRunSender sender(connection_->engine().store, *std::move(runs));
    while (!sender.done()) {
      if (connection_->requests().Cancelled(request)) co_return absl::CancelledError("cancelled");
      const absl::Status status = co_await SendTurn(request, download, &sender);
      if (!status.ok()) co_return status;
    }
  }
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
