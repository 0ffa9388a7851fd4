#include "services/delta/engine/delta_service.h"

#include <memory>
#include <utility>

#include "core/base/path.h"
#include "core/base/random.h"
#include "core/telemetry/logging.h"
#include "services/delta/engine/batch.h"
#include "services/delta/engine/by_id.h"
#include "services/delta/engine/compare_blocks_call.h"
#include "services/delta/engine/compare_call.h"
#include "services/delta/engine/convert.h"
#include "services/delta/engine/listing.h"
#include "services/delta/engine/md5s.h"
#include "services/delta/engine/resolution.h"
#include "services/delta/engine/retentions.h"
#include "services/delta/engine/roots.h"
#include "services/delta/engine/segments.h"
#include "services/delta/engine/upload.h"

namespace dray::delta {
namespace {

constexpr int64_t kOperationLifetimeNs = int64_t{24} * 3600 * 1'000'000'000;
constexpr int kWritesBetweenForgetting = 64;
constexpr int kOperationsForgottenAtOnce = 4096;

ChangeId NewChangeId() { return ChangeId{RandomWord() | 1}; }

// What a Commit has checked before it writes.
struct CheckedCommit {
  CommitArguments arguments;
  std::shared_ptr<CompareSession> session;
  PendingNodes nodes;  // added with it
  CommitResult result;
  uint64_t versions_made = 0;
};

absl::Status CheckCommit(const v1::CommitRequest& request, CheckedCommit* commit) {
  DRAY_RETURN_IF_ERROR(CheckAuthor(request.author()));
  DRAY_ASSIGN_OR_RETURN(commit->arguments,
                        CommitFromProto(request.path(), request.metadata(), request.operation_id(),
                                        request.replaces()));
  commit->arguments.root = Root::FromBytes(request.root());
  const bool file = commit->arguments.metadata.kind == EntryKind::kFile;
  if (file ? !commit->arguments.root.has_value() : !request.root().empty()) {
    return absl::InvalidArgumentError(
        "a file has a root of 32 bytes, a folder or a symbolic link has none");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StoredChunk>> ChunksFromProto(const v1::AddChunksRequest& request) {
  std::vector<StoredChunk> chunks;
  chunks.reserve(request.chunks_size());
  for (const v1::StoredChunk& chunk : request.chunks()) {
    DRAY_ASSIGN_OR_RETURN(chunks.emplace_back(), ChunkFromProto(chunk));
  }
  return chunks;
}

}  // namespace

DeltaService::DeltaService(const DeltaServices& services, NowFunction now)
    : catalog_(*services.catalog),
      metrics_(*services.metrics),
      calls_(*services.calls),
      collector_(*services.collector),
      now_(std::move(now)) {}

grpc::ServerBidiReactor<v1::CompareRequest, v1::CompareResponse>* DeltaService::Compare(
    grpc::CallbackServerContext* context) {
  return new CompareCall({*context, metrics_, Method::kCompare, calls_.Begin()}, metrics_, catalog_,
                         sessions_);
}

grpc::ServerUnaryReactor* DeltaService::AddChunks(grpc::CallbackServerContext* context,
                                                  const v1::AddChunksRequest* request,
                                                  v1::AddChunksResponse*) {
  auto* call = new UnaryCall({*context, metrics_, Method::kAddChunks, calls_.Begin()});
  auto checked = ChunksFromProto(*request);
  if (!checked.ok()) {
    call->Reply(checked.status());
    return call;
  }
  auto chunks = std::make_shared<const std::vector<StoredChunk>>(*std::move(checked));
  catalog_.Write(
      [chunks](CatalogTransaction& transaction) -> absl::Status {
        for (const StoredChunk& chunk : *chunks) DRAY_RETURN_IF_ERROR(transaction.AddChunk(chunk));
        return absl::OkStatus();
      },
      [this, call, chunks,
       session = sessions_.Find(request->session())](const absl::Status& status) {
        if (status.ok() && session != nullptr) {
          session->ChunksStored(*chunks);
          FlushReadyNodes(catalog_, session);
        }
        call->Reply(status);
      });
  return call;
}

grpc::ServerUnaryReactor* DeltaService::Commit(grpc::CallbackServerContext* context,
                                               const v1::CommitRequest* request,
                                               v1::CommitResponse* response) {
  auto* call = new UnaryCall({*context, metrics_, Method::kCommit, calls_.Begin()});
  auto commit = std::make_shared<CheckedCommit>();
  if (absl::Status status = CheckCommit(*request, commit.get()); !status.ok()) {
    call->Reply(status);
    return call;
  }
  commit->session = sessions_.Find(request->session());
  catalog_.Write(
      [this, commit, request](CatalogTransaction& transaction) -> absl::Status {
        const int64_t now_ns = now_();
        DRAY_RETURN_IF_ERROR(ForgetOldOperations(transaction, now_ns));
        if (commit->arguments.root) {
          DRAY_ASSIGN_OR_RETURN(commit->nodes, NodesToCommit(transaction, commit->session.get(),
                                                             *commit->arguments.root));
          DRAY_RETURN_IF_ERROR(AddNodes(transaction, commit->nodes));
        }
        NameWriter writer(transaction, now_ns, request->author());
        DRAY_ASSIGN_OR_RETURN(commit->result, CommitEntry(writer, commit->arguments));
        commit->versions_made = writer.versions_made();
        return absl::OkStatus();
      },
      [this, call, commit, request, response](const absl::Status& status) {
        if (status.ok()) {
          if (commit->session != nullptr) commit->session->NodesAdded(commit->nodes);
          metrics_.VersionsMade(commit->versions_made);
          VersionToProto(request->path(), commit->result.version, response->mutable_version());
          response->set_unchanged(commit->result.unchanged);
        }
        call->Reply(status);
      });
  return call;
}

grpc::ServerUnaryReactor* DeltaService::CommitBatch(grpc::CallbackServerContext* context,
                                                    const v1::CommitBatchRequest* request,
                                                    v1::CommitBatchResponse* response) {
  auto* call = new UnaryCall({*context, metrics_, Method::kCommitBatch, calls_.Begin()});
  auto batch = std::make_shared<Batch>(request, response);
  catalog_.Read([this, call, batch](CatalogView& view) {
    const absl::Status checked = batch->Check(view);
    if (!checked.ok() || !batch->NeedsWriting()) return call->Reply(checked);
    catalog_.Write(
        [this, batch](CatalogTransaction& transaction) -> absl::Status {
          const int64_t now_ns = now_();
          DRAY_RETURN_IF_ERROR(ForgetOldOperations(transaction, now_ns));
          return batch->Apply(transaction, now_ns, NewChangeId());
        },
        [this, call, batch](const absl::Status& status) {
          if (status.ok()) metrics_.VersionsMade(batch->versions_made());
          call->Reply(status);
        });
  });
  return call;
}

grpc::ServerWriteReactor<v1::ResolveResponse>* DeltaService::Resolve(
    grpc::CallbackServerContext* context, const v1::ResolveRequest* request) {
  absl::Status checked;
  for (const auto& item : request->items()) checked.Update(CheckMoment(item.at_ns()));
  return new SourceStream<v1::ResolveResponse>(
      CallTimer(*context, metrics_, Method::kResolve, calls_.Begin()), catalog_,
      std::make_unique<ResolveSource>(request), {.checked = std::move(checked)});
}

grpc::ServerUnaryReactor* DeltaService::FindRoots(grpc::CallbackServerContext* context,
                                                  const v1::FindRootsRequest* request,
                                                  v1::FindRootsResponse* response) {
  auto* call = new UnaryCall({*context, metrics_, Method::kFindRoots, calls_.Begin()});
  catalog_.Read([call, request, response](CatalogView& view) {
    call->Reply(delta::FindRoots(view, *request, response));
  });
  return call;
}

grpc::ServerUnaryReactor* DeltaService::ReadNodes(grpc::CallbackServerContext* context,
                                                  const v1::ReadNodesRequest* request,
                                                  v1::ReadNodesResponse* response) {
  auto* call = new UnaryCall({*context, metrics_, Method::kReadNodes, calls_.Begin()});
  catalog_.Read([call, request, response](CatalogView& view) {
    call->Reply(ReadNodesById(view, *request, response));
  });
  return call;
}

grpc::ServerUnaryReactor* DeltaService::FindChunks(grpc::CallbackServerContext* context,
                                                   const v1::FindChunksRequest* request,
                                                   v1::FindChunksResponse* response) {
  auto* call = new UnaryCall({*context, metrics_, Method::kFindChunks, calls_.Begin()});
  catalog_.Read([call, request, response](CatalogView& view) {
    call->Reply(FindChunksById(view, *request, response));
  });
  return call;
}

grpc::ServerWriteReactor<v1::VersionsResponse>* DeltaService::List(
    grpc::CallbackServerContext* context, const v1::ListRequest* request) {
  return new SourceStream<v1::VersionsResponse>(
      CallTimer(*context, metrics_, Method::kList, calls_.Begin()), catalog_,
      std::make_unique<ListSource>(request->path(), request->recursive(), request->at_ns()),
      {.checked = CheckMoment(request->at_ns()), .after_writes = request->at_ns() != 0});
}

grpc::ServerWriteReactor<v1::VersionsResponse>* DeltaService::History(
    grpc::CallbackServerContext* context, const v1::HistoryRequest* request) {
  return new SourceStream<v1::VersionsResponse>(
      CallTimer(*context, metrics_, Method::kHistory, calls_.Begin()), catalog_,
      std::make_unique<HistorySource>(request->path()));
}

grpc::ServerUnaryReactor* DeltaService::Stat(grpc::CallbackServerContext* context,
                                             const v1::StatRequest* request,
                                             v1::ChangedResponse* response) {
  auto* call = new UnaryCall({*context, metrics_, Method::kStat, calls_.Begin()});
  if (absl::Status checked = CheckMoment(request->at_ns()); !checked.ok()) {
    call->Reply(checked);
    return call;
  }
  auto stat = [call, request, response](CatalogView& view) {
    const auto version =
        FindNumberedVersion(view, request->path(), request->number(), request->at_ns());
    if (version.ok()) {
      VersionToProto(request->path(), *version, response->mutable_version());
      response->set_entries(1);
      response->set_at_ns(request->at_ns());
    }
    call->Reply(version.status());
  };
  if (request->at_ns() == 0) {
    catalog_.Read(std::move(stat));
  } else {
    ReadAfterWrites(catalog_, std::move(stat));
  }
  return call;
}

absl::Status DeltaService::CheckMoment(Moment at) const {
  const int64_t now_ns = now_();
  if (at >= 0 && at < now_ns) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      absl::FormatTime(absl::FromUnixNanos(at), absl::UTCTimeZone()), " is not in the past: it is ",
      absl::FormatTime(absl::FromUnixNanos(now_ns), absl::UTCTimeZone()),
      " by the server's clock"));
}

UnaryCall* DeltaService::RunChange(const grpc::CallbackServerContext* context, Method method,
                                   const std::string& operation_id, const std::string& author,
                                   v1::ChangedResponse* response, Change change) {
  auto* call = new UnaryCall({*context, metrics_, method, calls_.Begin()});
  absl::Status checked = CheckAuthor(author);
  if (checked.ok()) checked = CheckOperationId(operation_id);
  if (!checked.ok()) {
    call->Reply(checked);
    return call;
  }
  struct Made {
    ChangeResult result;
    uint64_t versions = 0;
  };
  auto made = std::make_shared<Made>();
  catalog_.Write(
      [this, made, author,
       change = std::move(change)](CatalogTransaction& transaction) -> absl::Status {
        const int64_t now_ns = now_();
        DRAY_RETURN_IF_ERROR(ForgetOldOperations(transaction, now_ns));
        NameWriter writer(transaction, now_ns, author);
        DRAY_ASSIGN_OR_RETURN(made->result, change(writer));
        made->versions = writer.versions_made();
        return absl::OkStatus();
      },
      [this, call, made, response](const absl::Status& status) {
        if (status.ok()) {
          metrics_.VersionsMade(made->versions);
          const ChangeResult& result = made->result;
          VersionToProto(result.path, result.version, response->mutable_version());
          response->set_entries(result.entries);
        }
        call->Reply(status);
      });
  return call;
}

grpc::ServerUnaryReactor* DeltaService::Move(grpc::CallbackServerContext* context,
                                             const v1::MoveRequest* request,
                                             v1::ChangedResponse* response) {
  return RunChange(context, Method::kMove, request->operation_id(), request->author(), response,
                   [request](NameWriter& writer) {
                     return MovePath(writer, request->from(), request->to(),
                                     request->operation_id(), NewChangeId());
                   });
}

grpc::ServerUnaryReactor* DeltaService::Delete(grpc::CallbackServerContext* context,
                                               const v1::DeleteRequest* request,
                                               v1::ChangedResponse* response) {
  return RunChange(context, Method::kDelete, request->operation_id(), request->author(), response,
                   [request](NameWriter& writer) {
                     return DeletePath(writer, request->path(), request->recursive(),
                                       request->operation_id(), NewChangeId());
                   });
}

grpc::ServerUnaryReactor* DeltaService::Restore(grpc::CallbackServerContext* context,
                                                const v1::RestoreRequest* request,
                                                v1::ChangedResponse* response) {
  return RunChange(context, Method::kRestore, request->operation_id(), request->author(), response,
                   [request](NameWriter& writer) {
                     return RestorePath(writer, request->path(), request->number(),
                                        request->operation_id());
                   });
}

grpc::ServerBidiReactor<v1::CompareBlocksRequest, v1::CompareBlocksResponse>*
DeltaService::CompareBlocks(grpc::CallbackServerContext* context) {
  return new CompareBlocksCall({*context, metrics_, Method::kCompareBlocks, calls_.Begin()},
                               catalog_);
}

grpc::ServerUnaryReactor* DeltaService::FilesWithoutMd5(grpc::CallbackServerContext* context,
                                                        const v1::FilesWithoutMd5Request* request,
                                                        v1::VersionsResponse* response) {
  auto* call = new UnaryCall({*context, metrics_, Method::kFilesWithoutMd5, calls_.Begin()});
  catalog_.Read([call, request, response](CatalogView& view) {
    call->Reply(ListWithoutMd5(view, *request, response));
  });
  return call;
}

grpc::ServerUnaryReactor* DeltaService::SetMd5s(grpc::CallbackServerContext* context,
                                                const v1::SetMd5sRequest* request,
                                                v1::SetMd5sResponse*) {
  auto* call = new UnaryCall({*context, metrics_, Method::kSetMd5s, calls_.Begin()});
  catalog_.Write(
      [request](CatalogTransaction& transaction) { return KeepMd5s(transaction, *request); },
      [call](const absl::Status& status) { call->Reply(status); });
  return call;
}

grpc::ServerUnaryReactor* DeltaService::Collect(grpc::CallbackServerContext* context,
                                                const v1::CollectRequest*,
                                                v1::CollectResponse* response) {
  // Without a lease: the collection would wait for it.
  auto* call = new UnaryCall({*context, metrics_, Method::kCollect, Leases::Lease()});
  collector_.Collect([call, response](const absl::StatusOr<Collected>& collected) {
    if (collected.ok()) {
      response->set_versions(collected->versions);
      response->set_entries(collected->entries);
      response->set_nodes(collected->nodes);
      response->set_chunks(collected->chunks);
      response->set_stored_bytes(collected->stored_bytes);
      response->set_waits_for(collected->waits_for);
    }
    call->Reply(collected.status());
  });
  return call;
}

grpc::ServerWriteReactor<v1::SegmentUsesResponse>* DeltaService::SegmentUses(
    grpc::CallbackServerContext* context, const v1::SegmentUsesRequest*) {
  return new SourceStream<v1::SegmentUsesResponse>(
      CallTimer(*context, metrics_, Method::kSegmentUses, calls_.Begin()), catalog_,
      std::make_unique<SegmentUseSource>());
}

grpc::ServerUnaryReactor* DeltaService::MoveChunks(grpc::CallbackServerContext* context,
                                                   const v1::MoveChunksRequest* request,
                                                   v1::MoveChunksResponse* response) {
  auto* call = new UnaryCall({*context, metrics_, Method::kMoveChunks, calls_.Begin()});
  catalog_.Write(
      [request, response](CatalogTransaction& transaction) {
        return delta::MoveChunks(transaction, *request, response);
      },
      [call](const absl::Status& status) { call->Reply(status); });
  return call;
}

grpc::ServerUnaryReactor* DeltaService::RetireSegments(grpc::CallbackServerContext* context,
                                                       const v1::RetireSegmentsRequest* request,
                                                       v1::RetireSegmentsResponse* response) {
  auto* call = new UnaryCall({*context, metrics_, Method::kRetireSegments, calls_.Begin()});
  catalog_.Write(
      [request, response](CatalogTransaction& transaction) {
        return delta::RetireSegments(transaction, *request, response);
      },
      [call](const absl::Status& status) { call->Reply(status); });
  return call;
}

grpc::ServerUnaryReactor* DeltaService::SetRetention(grpc::CallbackServerContext* context,
                                                     const v1::SetRetentionRequest* request,
                                                     v1::SetRetentionResponse*) {
  auto* call = new UnaryCall({*context, metrics_, Method::kSetRetention, calls_.Begin()});
  catalog_.Write(
      [request](CatalogTransaction& transaction) {
        return SetRetentionRule(transaction, *request);
      },
      [call, request](const absl::Status& status) {
        if (status.ok()) {
          const wire::v1::Retention& rule = request->retention();
          spdlog::info("retention of :/{} {}: keep_last {}, keep {}", EscapeName(rule.path()),
                       request->remove() ? "removed" : "set", rule.keep_last(),
                       absl::FormatDuration(absl::Nanoseconds(rule.keep_ns())));
        }
        call->Reply(status);
      });
  return call;
}

grpc::ServerUnaryReactor* DeltaService::ListRetentions(grpc::CallbackServerContext* context,
                                                       const v1::ListRetentionsRequest*,
                                                       v1::ListRetentionsResponse* response) {
  auto* call = new UnaryCall({*context, metrics_, Method::kListRetentions, calls_.Begin()});
  catalog_.Read(
      [call, response](CatalogView& view) { call->Reply(ListRetentionRules(view, response)); });
  return call;
}

absl::Status DeltaService::ForgetOldOperations(CatalogTransaction& transaction, int64_t now_ns) {
  if (++writes_since_forgetting_ < kWritesBetweenForgetting) return absl::OkStatus();
  writes_since_forgetting_ = 0;
  return transaction.ForgetOperations(now_ns - kOperationLifetimeNs, kOperationsForgottenAtOnce);
}

}  // namespace dray::delta
