#include "client/sync/merge.h"

#include <utility>

#include "absl/strings/match.h"
#include "client/names.h"

namespace dray {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

int64_t WholeSeconds(int64_t ns) {
  const int64_t rest = ns % kNanosPerSecond;
  return (ns - rest) / kNanosPerSecond - (rest < 0 ? 1 : 0);
}

bool LiesIn(const std::string& name, const std::string& folder) {
  return name.size() > folder.size() && name[folder.size()] == '/' &&
         absl::StartsWith(name, folder);
}

}  // namespace

bool SameTime(int64_t a_ns, int64_t b_ns) {
  if (a_ns == b_ns) return true;
  const bool coarse = a_ns % kNanosPerSecond == 0 || b_ns % kNanosPerSecond == 0;
  return coarse && WholeSeconds(a_ns) == WholeSeconds(b_ns);
}

Merge::Merge(TreeCursor* source, TreeCursor* target, const MergeOptions& options, MergeSink* sink)
    : source_cursor_(source), target_cursor_(target), options_(options), sink_(sink) {}

absl::Status Merge::Run() {
  DRAY_RETURN_IF_ERROR(Advance(source_cursor_, &source_));
  DRAY_RETURN_IF_ERROR(Advance(target_cursor_, &target_));
  while (source_ || target_) {
    if (!target_ || (source_ && ListedBefore(source_->name, target_->name))) {
      DRAY_RETURN_IF_ERROR(TakeMissing());
      DRAY_RETURN_IF_ERROR(Advance(source_cursor_, &source_));
    } else if (!source_ || ListedBefore(target_->name, source_->name)) {
      DRAY_RETURN_IF_ERROR(TakeExtra());
      DRAY_RETURN_IF_ERROR(Advance(target_cursor_, &target_));
    } else {
      DRAY_RETURN_IF_ERROR(TakeBoth());
      DRAY_RETURN_IF_ERROR(Advance(source_cursor_, &source_));
      DRAY_RETURN_IF_ERROR(Advance(target_cursor_, &target_));
    }
  }
  DRAY_RETURN_IF_ERROR(LeaveExtraFolders(""));
  return LeaveSourceFolders("");
}

absl::Status Merge::Advance(TreeCursor* cursor, std::optional<SyncEntry>* entry) {
  while (true) {
    DRAY_ASSIGN_OR_RETURN(*entry, cursor->Next());
    if (!*entry || options_.filter == nullptr) return absl::OkStatus();
    const SyncEntry& told = **entry;
    if (!options_.filter->Excludes(told.name, told.folder())) return absl::OkStatus();
    if (told.folder()) cursor->SkipFolder();
    if (cursor != target_cursor_) continue;
    for (Folder& extra : extras_) {
      if (LiesIn(told.name, extra.entry.name)) extra.flag = true;
    }
  }
}

void Merge::MarkChanged() { (folders_.empty() ? top_changed_ : folders_.back().flag) = true; }

absl::Status Merge::Tell(const SyncChange& change) {
  if (change.action != SyncChange::Action::kSetMetadata) MarkChanged();
  DRAY_RETURN_IF_ERROR(sink_->OnChange(change, *source_, !target_ && !any_file_));
  if (source_->folder()) folders_.push_back({*source_, /*flag=*/true});
  return absl::OkStatus();
}

absl::Status Merge::TakeMissing() {
  DRAY_RETURN_IF_ERROR(LeaveSourceFolders(source_->name));
  return Tell({.action = SyncChange::Action::kCreate, .kind = source_->kind});
}

absl::Status Merge::TakeExtra() {
  DRAY_RETURN_IF_ERROR(LeaveSourceFolders(target_->name));
  return TellExtra(*target_);
}

absl::Status Merge::TellExtra(const SyncEntry& entry) {
  DRAY_RETURN_IF_ERROR(LeaveExtraFolders(entry.name));
  if (entry.file()) any_file_ = true;
  if (options_.removes && extras_.empty()) MarkChanged();
  if (!entry.folder()) return sink_->OnExtra(entry);
  extras_.push_back({entry});
  return absl::OkStatus();
}

absl::Status Merge::TakeBoth() {
  DRAY_RETURN_IF_ERROR(LeaveSourceFolders(source_->name));
  const bool target_folder = target_->folder();
  if (source_->kind != target_->kind || target_->leftover) {
    if (source_->folder()) {
      return Tell({.action = SyncChange::Action::kReplace, .kind = source_->kind});
    }
    if (!target_folder) return Tell({.action = SyncChange::Action::kCreate, .kind = source_->kind});
    DRAY_RETURN_IF_ERROR(Tell({.action = SyncChange::Action::kBlocked, .kind = source_->kind}));
    return TellExtra(*target_);
  }
  SyncChange change = {.action = SyncChange::Action::kSetMetadata, .kind = source_->kind};
  change.time = !SameTime(source_->mtime_ns, target_->mtime_ns);
  change.mode = (source_->mode & options_.mode_mask) != (target_->mode & options_.mode_mask);
  if (source_->file()) return TakeFile(change);
  if (source_->kind == wire::v1::SYMLINK) {
    change.mode = false;  // links have none
    change.contents = source_->link != target_->link;
    if (change.contents) change.action = SyncChange::Action::kUpdate;
  }
  if (change.time || change.mode || change.contents) return Tell(change);
  DRAY_RETURN_IF_ERROR(sink_->OnUnchanged(*source_));
  if (source_->folder()) folders_.push_back({*source_});
  return absl::OkStatus();
}

absl::Status Merge::TakeFile(SyncChange change) {
  any_file_ = true;
  if (options_.update && change.time && target_->mtime_ns > source_->mtime_ns) {
    return sink_->OnUnchanged(*source_);
  }
  change.size = source_->size_bytes != target_->size_bytes;
  if (change.size) {
    change.action = SyncChange::Action::kUpdate;
  } else if (options_.same_contents) {
    DRAY_ASSIGN_OR_RETURN(const bool same, options_.same_contents(*source_, *target_));
    change.contents = !same;
    if (!same) change.action = SyncChange::Action::kUpdate;
  } else if (change.time) {
    change.action = SyncChange::Action::kUpdate;
  }
  if (!change.size && !change.contents && !change.time && !change.mode) {
    return sink_->OnUnchanged(*source_);
  }
  return Tell(change);
}

absl::Status Merge::LeaveSourceFolders(const std::string& name) {
  while (!folders_.empty() && !LiesIn(name, folders_.back().entry.name)) {
    if (folders_.back().flag) DRAY_RETURN_IF_ERROR(sink_->OnFolderEnd(folders_.back().entry));
    folders_.pop_back();
  }
  return absl::OkStatus();
}

absl::Status Merge::LeaveExtraFolders(const std::string& name) {
  while (!extras_.empty() && !LiesIn(name, extras_.back().entry.name)) {
    const Folder folder = std::move(extras_.back());
    extras_.pop_back();
    if (!folder.flag) DRAY_RETURN_IF_ERROR(sink_->OnExtra(folder.entry));
  }
  return absl::OkStatus();
}

}  // namespace dray
