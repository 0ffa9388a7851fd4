#include "client/sync/sync_run.h"

#include <fcntl.h>

#include <thread>
#include <utility>

#include "client/file_hasher.h"
#include "client/sync/folder_target.h"
#include "client/sync/local_cursor.h"
#include "client/sync/remote_cursor.h"
#include "client/sync/server_target.h"
#include "core/base/path.h"

namespace dray {

SyncRun::SyncRun(SyncContext* context)
    : context_(context),
      operation_(*context->operation),
      options_(*context->options),
      upload_(context->job->direction == SyncJob::Direction::kUpload) {
  if (upload_) {
    executor_ = std::make_unique<ServerTarget>(*context_);
  } else {
    executor_ = std::make_unique<FolderTarget>(context_);
  }
}

std::unique_ptr<TreeCursor> SyncRun::LocalSide(bool exists) {
  if (!exists) return std::make_unique<EmptyCursor>();
  LocalCursor::Sink sink;
  sink.failed = [this](const std::string& name, const absl::Status& why) {
    context_->ReportFailed({.name = name}, why);
  };
  sink.skipped = [this](const std::string& name, const char* what) {
    const std::string shown = EscapeName(context_->LocalName(name));
    operation_.tracker->Tell(Notice::Kind::kSkipped,
                             absl::StrCat("skipped ", shown, ": it is ", what));
  };
  const auto side = upload_ ? LocalCursor::Side::kSource : LocalCursor::Side::kTarget;
  return std::make_unique<LocalCursor>(context_->base, side, std::move(sink));
}

std::unique_ptr<TreeCursor> SyncRun::RemoteSide(bool exists) const {
  if (!exists) return std::make_unique<EmptyCursor>();
  return std::make_unique<RemoteCursor>(operation_, context_->job->remote, context_->lists_roots);
}

MergeOptions SyncRun::OptionsOfMerge() {
  MergeOptions merge = {.filter = options_.filter.empty() ? nullptr : &options_.filter,
                        .update = options_.update,
                        .removes = options_.delete_extra,
                        .same_contents = {}};
  if (!upload_ && !options_.keep_special_modes) merge.mode_mask = 0777;
  if (!options_.checksum) return merge;
  merge.same_contents = [this](const SyncEntry& source, const SyncEntry& target) {
    const SyncEntry& remote = upload_ ? target : source;
    const auto fd = context_->base->Open(source.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    // What cannot be read is found out again by who has to send or replace it.
    if (!fd.ok()) return false;
    uint64_t chunks = 0;
    const auto root = RootOfFile(fd->get(), &chunks);
    return root.ok() && root->view() == remote.root;
  };
  return merge;
}

absl::Status SyncRun::Run(const std::optional<SyncEntry>& local,
                          const std::optional<SyncEntry>& remote) {
  if (!options_.dry_run) DRAY_RETURN_IF_ERROR(executor_->Begin());
  const auto local_side = LocalSide(local.has_value());
  const auto remote_side = RemoteSide(remote.has_value());
  absl::Status executed;
  std::thread executing([&] {
    executed = ExecuteAll();
    over_ = true;
  });
  const SyncEntry& source_top = upload_ ? *local : *remote;
  const std::optional<SyncEntry>& target_top = upload_ ? remote : local;
  Merged merged = {.status = TakeTop(source_top, target_top ? &*target_top : nullptr)};
  if (merged.status.ok()) {
    merged = upload_ ? RunMerge(local_side.get(), remote_side.get())
                     : RunMerge(remote_side.get(), local_side.get());
  }
  operation_.tracker->TotalsAreFinal();
  const bool removes = MayRemove(merged);
  executor_->Considered(removes);
  changes_.Close();
  executing.join();
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  DRAY_RETURN_IF_ERROR(executed);
  const absl::Status finished = FinishUp(removes);
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  DRAY_RETURN_IF_ERROR(merged.status);
  return finished;
}

absl::Status SyncRun::TakeTop(const SyncEntry& source, const SyncEntry* target) {
  top_ = source;
  if (context_->job->remote.empty()) return absl::OkStatus();  // the server's top has neither
  SyncChange change = {.action = SyncChange::Action::kCreate, .kind = wire::v1::FOLDER};
  if (target != nullptr) {
    const uint32_t mask = OptionsOfMerge().mode_mask;
    change.action = SyncChange::Action::kSetMetadata;
    change.time = !SameTime(source.mtime_ns, target->mtime_ns);
    change.mode = (source.mode & mask) != (target->mode & mask);
    if (!change.time && !change.mode) return absl::OkStatus();
  }
  top_changed_ = true;
  return OnChange(change, source, /*alone=*/false);
}

SyncRun::Merged SyncRun::RunMerge(TreeCursor* source, TreeCursor* target) {
  const MergeOptions options = OptionsOfMerge();
  Merge merge(source, target, options, this);
  Merged merged = {.status = merge.Run()};
  merged.complete = merged.status.ok() && source->complete() && target->complete();
  if (merge.top_changed()) top_changed_ = true;
  if (merged.status.ok() && top_changed_ && !context_->job->remote.empty()) {
    merged.status = OnFolderEnd(top_);
  }
  return merged;
}

absl::Status SyncRun::OnUnchanged(const SyncEntry& source) {
  operation_.tracker->AddUntouched(source.kind, source.size_bytes);
  DRAY_RETURN_IF_ERROR(executor_->ConsiderKept(source));
  return operation_.cancellation->Check();
}

absl::Status SyncRun::OnChange(const SyncChange& change, const SyncEntry& source, bool alone) {
  if (source.file()) operation_.tracker->AddTotal(1, source.size_bytes);
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  if (over_) return absl::CancelledError("interrupted");
  return changes_.Push(EncodeRecord({change, source, alone}));
}

absl::Status SyncRun::OnFolderEnd(const SyncEntry& source) {
  if (upload_) return absl::OkStatus();
  return folders_.Append(EncodeRecord({.change = {}, .entry = source})).status();
}

absl::Status SyncRun::OnExtra(const SyncEntry& target) {
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  if (!target.leftover) DRAY_RETURN_IF_ERROR(executor_->ConsiderExtra(target));
  if (!options_.delete_extra) return absl::OkStatus();
  if (!target.leftover) ++extra_count_;
  return extras_.Append(EncodeRecord({.change = {}, .entry = target})).status();
}

absl::Status SyncRun::ExecuteAll() {
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const auto bytes, changes_.Pop());
    if (!bytes) break;
    const SyncRecord record = DecodeRecord(*bytes);
    Tell(record, /*deleted=*/false);
    if (options_.dry_run) continue;
    if (record.change.action == SyncChange::Action::kBlocked) {
      DRAY_RETURN_IF_ERROR(blocked_.Append(*bytes).status());
    } else if (absl::Status done = executor_->Execute(record); !done.ok()) {
      // What ended the session is a better reason than that it has ended.
      const absl::Status settled = executor_->Settle();
      return settled.ok() ? done : settled;
    }
  }
  return options_.dry_run ? absl::OkStatus() : executor_->Settle();
}

void SyncRun::Tell(const SyncRecord& record, bool deleted) const {
  if (!options_.on_change) return;
  SyncReport report = {.direction = context_->job->direction,
                       .name = record.entry.name,
                       .deleted = deleted,
                       .change = record.change};
  if (deleted) report.change.kind = record.entry.kind;
  options_.on_change(report);
}

bool SyncRun::MayRemove(const Merged& merged) {
  if (!options_.delete_extra || extras_.size() == 0) return false;
  if (!merged.complete) {
    operation_.tracker->Tell(Notice::Kind::kKept,
                             "not everything could be read, so nothing is deleted");
    return false;
  }
  if (!options_.max_delete || extra_count_ <= *options_.max_delete) return true;
  context_->ReportFailed(
      {.kind = wire::v1::DELETED},
      absl::FailedPreconditionError(absl::StrCat(
          extra_count_, " names would be deleted, which is more than --max-delete ",
          *options_.max_delete, " allows: none was; look with --dry-run what they are")));
  return false;
}

absl::Status SyncRun::TellExtras() {
  return extras_.ForEach([this](std::string_view bytes) {
    const SyncRecord record = DecodeRecord(bytes);
    if (!record.entry.leftover) Tell(record, /*deleted=*/true);
    return absl::OkStatus();
  });
}

absl::Status SyncRun::FinishUp(bool removes) {
  if (removes) DRAY_RETURN_IF_ERROR(TellExtras());
  if (options_.dry_run) return absl::OkStatus();
  if (removes) DRAY_RETURN_IF_ERROR(executor_->Remove(extras_));
  DRAY_RETURN_IF_ERROR(executor_->ExecuteBlocked(blocked_, removes));
  DRAY_RETURN_IF_ERROR(executor_->Settle());
  return executor_->End(folders_);
}

}  // namespace dray
