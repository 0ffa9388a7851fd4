#include "services/transfer/dialects/native/name_requests.h"

#include <prometheus/counter.h>

#include <algorithm>
#include <utility>

#include "core/base/path.h"
#include "core/base/version.h"
#include "core/framing/chunk_encoder.h"
#include "core/net/spawn.h"
#include "services/transfer/dialects/native/connection.h"
#include "services/transfer/dialects/native/entries_request.h"
#include "services/transfer/dialects/native/nodes_request.h"
#include "services/transfer/dialects/native/retention_requests.h"
#include "services/transfer/dialects/native/roots_request.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/dialect_metrics.h"
#include "services/transfer/engine/disk_pool.h"

namespace dray::transfer::native {
namespace {

using boost::asio::awaitable;
using ConnectionPtr = std::shared_ptr<Connection>;
using VersionStream = MessageStream<delta::v1::VersionsResponse>;

// Frames of a list: long enough to be few, short enough to let others in between.
constexpr size_t kVersionsFrameBytes = 256 * 1024;
// Of a brief list, before it is packed.
constexpr size_t kPackedBytes = 192 * 1024;
static_assert(kPackedBytes < kMaxRawChunkBytes);
// More than what a version's own encoding takes in the list that holds it.
constexpr size_t kVersionOverheadBytes = 8;
// Of transfers in progress, in one Status.
constexpr size_t kMaxTransfersTold = 100;

absl::Status CheckPath(std::string_view path) { return SplitRemotePath(path).status(); }

absl::Status CheckOperation(std::string_view operation_id) {
  if (operation_id.size() == 16) return absl::OkStatus();
  return absl::InvalidArgumentError("operation_id must be 16 random bytes");
}

void AnswerChanged(Connection& connection, uint16_t request,
                   absl::StatusOr<delta::v1::ChangedResponse> response) {
  if (!response.ok()) return connection.FinishWithError(request, response.status());
  wire::v1::Changed changed;
  *changed.mutable_version() = std::move(*response->mutable_version());
  changed.set_entries(response->entries());
  connection.Finish(request, FrameType::kChanged, changed);
}

// A delta that does not know of a request's time answers with what is there now.
absl::Status DeltaKnowsNoPast() {
  return absl::UnimplementedError(
      "the server's delta service is older than its front door and cannot tell what was there at a "
      "time; upgrade dray-delta");
}

awaitable<void> Stat(ConnectionPtr connection, uint16_t request, wire::v1::Stat stat) {
  delta::v1::StatRequest ask;
  ask.set_path(stat.version().path());
  ask.set_number(stat.version().number());
  const int64_t at_ns = stat.version().at_ns();
  ask.set_at_ns(at_ns);
  auto response =
      co_await connection->engine().delta->Stat(std::move(ask), connection->activity().info().id);
  if (response.ok() && response->at_ns() != at_ns) response = DeltaKnowsNoPast();
  AnswerChanged(*connection, request, std::move(response));
}

awaitable<void> Move(ConnectionPtr connection, uint16_t request, wire::v1::Move move) {
  delta::v1::MoveRequest ask;
  ask.set_from(move.from());
  ask.set_to(move.to());
  ask.set_operation_id(move.operation_id());
  ask.set_author(connection->author());
  auto response =
      co_await connection->engine().delta->Move(std::move(ask), connection->activity().info().id);
  AnswerChanged(*connection, request, std::move(response));
}

awaitable<void> Delete(ConnectionPtr connection, uint16_t request, wire::v1::Delete remove) {
  delta::v1::DeleteRequest ask;
  ask.set_path(remove.path());
  ask.set_recursive(remove.recursive());
  ask.set_operation_id(remove.operation_id());
  ask.set_author(connection->author());
  auto response =
      co_await connection->engine().delta->Delete(std::move(ask), connection->activity().info().id);
  AnswerChanged(*connection, request, std::move(response));
}

awaitable<void> Restore(ConnectionPtr connection, uint16_t request, wire::v1::Restore restore) {
  delta::v1::RestoreRequest ask;
  ask.set_path(restore.version().path());
  ask.set_number(restore.version().number());
  ask.set_operation_id(restore.operation_id());
  ask.set_author(connection->author());
  auto response = co_await connection->engine().delta->Restore(std::move(ask),
                                                               connection->activity().info().id);
  AnswerChanged(*connection, request, std::move(response));
}

void MakeBrief(bool roots, wire::v1::Version* version) {
  version->clear_author();
  version->clear_committed_ns();
  version->clear_md5();
  if (!roots) version->clear_root();
}

// The same list in fewer bytes, where that can be.
wire::v1::Versions Pack(const wire::v1::Versions& frame) {
  const std::string raw = frame.SerializeAsString();
  if (raw.empty() || raw.size() > kMaxRawChunkBytes) return frame;
  ChunkEncoder encoder;
  const DataFrame shrunk = encoder.Encode(ChunkId(), AsBytes(raw));
  if (!shrunk.zstd) return frame;
  wire::v1::Versions packed;
  packed.set_packed(shrunk.body.data(), shrunk.body.size());
  packed.set_raw_bytes(shrunk.raw_bytes);
  return packed;
}

// Packs a list where it does not keep the event loop.
awaitable<void> PackAside(ConnectionPtr connection, wire::v1::Versions* frame) {
  auto pack = [frame] { *frame = Pack(*frame); };
  co_await connection->engine().disk->Run(pack);
}

// Sends what delta streams as frames that are neither long nor many.
awaitable<void> SendVersions(ConnectionPtr connection, uint16_t request,
                             std::unique_ptr<VersionStream> stream, wire::v1::List list) {
  const int64_t at_ns = list.at_ns();
  const size_t limit =
      std::min(list.brief() ? kPackedBytes : kVersionsFrameBytes, connection->max_payload_bytes());
  delta::v1::VersionsResponse response;
  wire::v1::Versions frame;
  size_t frame_bytes = 0;
  while (true) {
    response.Clear();
    const absl::StatusOr<bool> more = co_await stream->Read(&response);
    if (!more.ok()) co_return connection->FinishWithError(request, more.status());
    if (!*more) break;
    if (response.at_ns() != at_ns)
      co_return connection->FinishWithError(request, DeltaKnowsNoPast());
    for (wire::v1::Version& version : *response.mutable_versions()) {
      if (list.brief()) MakeBrief(list.roots(), &version);
      const size_t bytes = version.ByteSizeLong() + kVersionOverheadBytes;
      if (frame_bytes + bytes > limit && frame_bytes > 0) {
        if (list.brief()) co_await PackAside(connection, &frame);
        connection->Answer(request, FrameType::kVersions, frame);
        frame.Clear();
        frame_bytes = 0;
        co_await connection->transport().WaitForRoom();
      }
      *frame.add_versions() = std::move(version);
      frame_bytes += bytes;
    }
    if (connection->requests().Cancelled(request)) {
      co_return connection->FinishWithError(request, absl::CancelledError("cancelled"));
    }
  }
  if (list.brief()) co_await PackAside(connection, &frame);
  frame.set_last(true);
  connection->Finish(request, FrameType::kVersions, frame);
}

void AddTransfers(const Activity& activity, wire::v1::StatusReply* reply) {
  for (Activity::TransferInfo& info : activity.Transfers(kMaxTransfersTold)) {
    wire::v1::StatusReply::Transfer* const to = reply->add_active();
    to->set_connection_id(std::move(info.connection_id));
    to->set_peer(std::move(info.peer));
    to->set_dialect(std::move(info.dialect));
    to->set_path(std::move(info.path));
    to->set_direction(info.direction == Direction::kUpload ? "upload" : "download");
    to->set_bytes_done(info.bytes_done);
    to->set_bytes_total(info.bytes_total);
    to->set_bytes_saved(info.bytes_saved);
    to->set_bytes_per_second(info.bytes_per_second);
    to->set_since_ns(absl::ToUnixNanos(info.since));
  }
}

awaitable<void> SendStatus(ConnectionPtr connection, uint16_t request) {
  const Engine& engine = connection->engine();
  wire::v1::StatusReply reply;
  reply.set_software(absl::StrCat("dray-transfer ", kVersion));
  reply.set_started_ns(connection->options().started_ns);
  reply.set_connections(engine.activity->connection_count());
  reply.set_transfers(engine.activity->transfer_count());
  AddTransfers(*engine.activity, &reply);
  const auto& describe = connection->options().describe;
  auto ask = [&describe, &reply] {
    if (describe) describe(&reply);
  };
  co_await engine.disk->Run(ask);
  connection->Finish(request, FrameType::kStatusReply, reply);
}

// A request whose message is `Message`, checked by `check` and served by `serve`.
template <typename Message, typename Check, typename Serve>
void Start(const ConnectionPtr& connection, const ReceivedFrame& frame, Check check, Serve serve) {
  const uint16_t request = frame.header.request;
  Message message;
  absl::Status status = ParseControl(frame.header.type, frame.payload(), &message);
  if (status.ok()) status = check(message);
  if (!status.ok()) return connection->FinishWithError(request, status);
  Spawn(connection->executor(), serve(connection, request, std::move(message)));
}

absl::Status CheckVersion(const wire::v1::VersionRef& version) { return CheckPath(version.path()); }

awaitable<void> StartList(ConnectionPtr connection, uint16_t request, wire::v1::List list) {
  delta::v1::ListRequest ask;
  ask.set_path(list.path());
  ask.set_recursive(list.recursive());
  ask.set_at_ns(list.at_ns());
  return SendVersions(connection, request,
                      connection->engine().delta->List(ask, connection->activity().info().id),
                      std::move(list));
}

awaitable<void> StartHistory(ConnectionPtr connection, uint16_t request,
                             wire::v1::History history) {
  delta::v1::HistoryRequest ask;
  ask.set_path(history.path());
  return SendVersions(connection, request,
                      connection->engine().delta->History(ask, connection->activity().info().id),
                      wire::v1::List());
}

}  // namespace

void StartNameRequest(std::shared_ptr<Connection> connection, const ReceivedFrame& frame) {
  namespace wire = wire::v1;
  switch (frame.header.type) {
    case FrameType::kList:
      return Start<wire::List>(
          connection, frame, [](const auto& list) { return CheckPath(list.path()); }, StartList);
    case FrameType::kHistory:
      return Start<wire::History>(
          connection, frame, [](const auto& history) { return CheckPath(history.path()); },
          StartHistory);
    case FrameType::kStat:
      return Start<wire::Stat>(
          connection, frame, [](const auto& stat) { return CheckVersion(stat.version()); }, Stat);
    case FrameType::kMove:
      return Start<wire::Move>(
          connection, frame,
          [](const auto& move) {
            DRAY_RETURN_IF_ERROR(CheckPath(move.from()));
            DRAY_RETURN_IF_ERROR(CheckPath(move.to()));
            return CheckOperation(move.operation_id());
          },
          Move);
    case FrameType::kDelete:
      return Start<wire::Delete>(
          connection, frame,
          [](const auto& remove) {
            DRAY_RETURN_IF_ERROR(CheckPath(remove.path()));
            return CheckOperation(remove.operation_id());
          },
          Delete);
    case FrameType::kRestore:
      return Start<wire::Restore>(
          connection, frame,
          [](const auto& restore) {
            DRAY_RETURN_IF_ERROR(CheckVersion(restore.version()));
            return CheckOperation(restore.operation_id());
          },
          Restore);
    case FrameType::kGetEntries:
      return Start<wire::GetEntries>(
          connection, frame, [](const auto& get) { return CheckVersion(get.version()); },
          SendEntries);
    case FrameType::kGetNodes:
      return Start<wire::GetNodes>(connection, frame, CheckGetNodes, SendNodes);
    case FrameType::kGetRoots:
      return Start<wire::GetRoots>(connection, frame, CheckGetRoots, SendRoots);
    case FrameType::kSetRetention:
      return Start<wire::SetRetention>(
          connection, frame, [](const auto& set) { return CheckPath(set.retention().path()); },
          SetRetention);
    case FrameType::kListRetentions:
      return Start<wire::ListRetentions>(
          connection, frame, [](const auto&) { return absl::OkStatus(); }, ListRetentions);
    default:
      return Start<wire::Status>(
          connection, frame, [](const auto&) { return absl::OkStatus(); },
          [](ConnectionPtr connection, uint16_t request, wire::Status) {
            return SendStatus(std::move(connection), request);
          });
  }
}

}  // namespace dray::transfer::native
