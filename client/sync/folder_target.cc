#include "client/sync/folder_target.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "client/group_get.h"
#include "client/part_name.h"
#include "core/base/path.h"
#include "core/framing/frame.h"

namespace dray {
namespace {

// Files whose roots are asked for together: enough that the way to the server and back counts for
// little, few enough that the first ones do not wait long to be got.
constexpr size_t kMaxRootless = 8 * kMaxBatchItems;
constexpr uint64_t kMaxRootlessBytes = 32 << 20;  // of contents

// Whether a part file belongs to a get that goes on.
bool InUse(int parent, const std::string& name) {
  const UniqueFd part(::openat(parent, name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return part.valid() && ::flock(part.get(), LOCK_EX | LOCK_NB) != 0;
}

}  // namespace

FolderTarget::FolderTarget(SyncContext* context) : context_(context) {
  get_options_.sync = context->options->sync;
  get_options_.keep_special_modes = context->options->keep_special_modes;
  get_options_.checksum = context->options->checksum;
}

absl::Status FolderTarget::Begin() {
  if (context_->base != nullptr) return absl::OkStatus();
  const std::string& folder = context_->job->local;
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, absl::StrCat("cannot make ", EscapeName(folder)));
  }
  DRAY_ASSIGN_OR_RETURN(auto base, BeneathFolder::Open(folder));
  context_->base = std::make_shared<const BeneathFolder>(std::move(base));
  return absl::OkStatus();
}

absl::Status FolderTarget::OpenUp(const std::string& name) {
  std::string folder = SplitLast(name).first;
  if (opened_up_ == folder) return absl::OkStatus();
  DRAY_RETURN_IF_ERROR(context_->base->MakeFolder(folder));
  opened_up_ = std::move(folder);
  return absl::OkStatus();
}

absl::Status FolderTarget::Execute(const SyncRecord& record) {
  const SyncEntry& entry = record.entry;
  const bool contents = entry.file() && record.change.action != SyncChange::Action::kSetMetadata;
  absl::Status status = entry.name.empty() ? absl::OkStatus() : OpenUp(entry.name);
  if (status.ok() && contents) {
    const bool missing = record.change.action == SyncChange::Action::kCreate;
    if (!missing || record.alone || entry.size_bytes == 0) return Get(entry);
    return held_.Append(EncodeRecord(record)).status();
  }
  if (status.ok()) status = MakeEntry(record);
  if (!status.ok()) {
    context_->ReportFailed(entry, status);
  } else if (!entry.folder()) {
    context_->ReportDone(entry);
  }
  return absl::OkStatus();
}

absl::Status FolderTarget::MakeEntry(const SyncRecord& record) {
  const SyncEntry& entry = record.entry;
  if (entry.file()) return SetFile(entry);
  if (entry.kind == wire::v1::SYMLINK) return MakeLink(entry);
  // A folder's mode and time are set in the end.
  if (record.change.action == SyncChange::Action::kSetMetadata) return absl::OkStatus();
  if (record.change.action == SyncChange::Action::kReplace) {
    DRAY_RETURN_IF_ERROR(Unlink({.name = entry.name}));
  }
  return context_->base->MakeFolder(entry.name);
}

absl::Status FolderTarget::MakeLink(const SyncEntry& entry) {
  DRAY_RETURN_IF_ERROR(context_->base->MakeLink(entry.name, entry.link).status());
  return context_->base->SetLinkTime(entry.name, entry.mtime_ns);
}

RemoteFile FolderTarget::FileOf(const SyncEntry& entry) const {
  RemoteFile file = {.version = {},
                     .base = context_->base,
                     .name = entry.name,
                     .local = context_->LocalName(entry.name),
                     .root = {}};
  file.version.set_path(context_->RemoteName(entry.name));
  file.version.set_number(entry.version);
  file.version.set_root(entry.root);
  *file.version.mutable_metadata() = MetadataOf(entry);
  return file;
}

absl::StatusOr<RemoteFile> FolderTarget::CheckedFileOf(const SyncEntry& entry) const {
  RemoteFile file = FileOf(entry);
  DRAY_RETURN_IF_ERROR(CheckVersion(&file));
  if (!IsPartName(entry.name)) return file;
  return absl::FailedPreconditionError(
      absl::StrCat(EscapeName(file.local),
                   " has a name that only unfinished files have; rename it on the server to get "
                   "it"));
}

absl::Status FolderTarget::SetFile(const SyncEntry& entry) {
  const RemoteFile file = FileOf(entry);
  DRAY_ASSIGN_OR_RETURN(const UniqueFd fd, OpenExisting(file));
  return WithContext(SetMetadata(fd.get(), file.version.metadata(), get_options_),
                     EscapeName(file.local));
}

absl::Status FolderTarget::Get(SyncEntry entry) {
  if (!entry.root.empty()) return AddToSession(entry);
  rootless_bytes_ += entry.size_bytes;
  rootless_.push_back(std::move(entry));
  const bool enough = rootless_.size() == kMaxRootless || rootless_bytes_ >= kMaxRootlessBytes;
  return enough ? GetRootless() : absl::OkStatus();
}

absl::Status FolderTarget::GetRootless() {
  std::vector<SyncEntry> files = std::exchange(rootless_, {});
  rootless_bytes_ = 0;
  DRAY_RETURN_IF_ERROR(context_->LearnRoots(absl::MakeSpan(files)));
  for (const SyncEntry& file : files) DRAY_RETURN_IF_ERROR(AddToSession(file));
  return absl::OkStatus();
}

absl::Status FolderTarget::AddToSession(const SyncEntry& entry) {
  if (entry.root.empty()) {
    context_->ReportFailed(entry, absl::NotFoundError("it is gone from the server; sync again"));
    return absl::OkStatus();
  }
  auto file = CheckedFileOf(entry);
  if (!file.ok()) {
    context_->ReportFailed(entry, file.status());
    return absl::OkStatus();
  }
  if (session_ == nullptr) {
    session_ = std::make_unique<GetSession>(*context_->operation, get_options_);
  }
  return session_->Add(*std::move(file)) ? absl::OkStatus() : absl::CancelledError("interrupted");
}

void FolderTarget::Considered(bool removes) {
  considered_ = true;
  removes_ = removes;
}

absl::Status FolderTarget::GetHeld() {
  const SpillList held = std::exchange(held_, {});
  std::vector<SyncEntry> entries;
  DRAY_RETURN_IF_ERROR(held.ForEach([&](std::string_view bytes) -> absl::Status {
    SyncEntry entry = DecodeRecord(bytes).entry;
    if (moves_.empty()) return Get(std::move(entry));
    entries.push_back(std::move(entry));
    return entries.size() < kMaxRootless ? absl::OkStatus() : MakeOrGet(std::exchange(entries, {}));
  }));
  return MakeOrGet(std::move(entries));
}

absl::Status FolderTarget::MakeOrGet(std::vector<SyncEntry> entries) {
  DRAY_RETURN_IF_ERROR(context_->LearnRoots(absl::MakeSpan(entries)));
  DRAY_RETURN_IF_ERROR(MakeLocally(&entries, [this](const RemoteFile& file) {
    return moves_.MakeOfExtra(file, get_options_, removes_);
  }));
  DRAY_RETURN_IF_ERROR(moves_.PrepareKept(*context_, entries));
  DRAY_RETURN_IF_ERROR(MakeLocally(
      &entries, [this](const RemoteFile& file) { return moves_.MakeOfKept(file, get_options_); }));
  for (const SyncEntry& entry : entries) DRAY_RETURN_IF_ERROR(AddToSession(entry));
  return absl::OkStatus();
}

absl::Status FolderTarget::MakeLocally(std::vector<SyncEntry>* entries, const Maker& make) {
  std::vector<SyncEntry> left;
  for (SyncEntry& entry : *entries) {
    DRAY_RETURN_IF_ERROR(context_->operation->cancellation->Check());
    // What cannot be made of something here can still be got, or fails again and is told.
    const auto file = CheckedFileOf(entry);
    const auto made = file.ok() ? make(*file) : file.status();
    if (!made.ok() || !*made) {
      left.push_back(std::move(entry));
      continue;
    }
    context_->operation->tracker->AddDone(static_cast<int64_t>(entry.size_bytes));
    context_->ReportDone(entry);
  }
  *entries = std::move(left);
  return absl::OkStatus();
}

absl::Status FolderTarget::Settle() {
  if (considered_) DRAY_RETURN_IF_ERROR(GetHeld());
  DRAY_RETURN_IF_ERROR(GetRootless());
  if (session_ == nullptr) return absl::OkStatus();
  const absl::Status status = session_->Finish();
  session_.reset();
  return status;
}

absl::Status FolderTarget::Unlink(const SyncEntry& entry) {
  DRAY_RETURN_IF_ERROR(OpenUp(entry.name));
  DRAY_ASSIGN_OR_RETURN(const UniqueFd parent, context_->base->OpenParent(entry.name));
  const std::string last = SplitLast(entry.name).second;
  if (entry.leftover && InUse(parent.get(), last)) return absl::OkStatus();
  if (::unlinkat(parent.get(), last.c_str(), entry.folder() ? AT_REMOVEDIR : 0) == 0 ||
      errno == ENOENT) {
    return absl::OkStatus();
  }
  return ErrnoStatus(errno, absl::StrCat("cannot delete ", EscapeName(entry.name)));
}

absl::Status FolderTarget::Remove(const SpillList& extras) {
  return extras.ForEach([&](std::string_view bytes) -> absl::Status {
    DRAY_RETURN_IF_ERROR(context_->operation->cancellation->Check());
    SyncEntry entry = DecodeRecord(bytes).entry;
    const absl::Status status = Unlink(entry);
    if (absl::IsNotFound(status) || entry.leftover) return absl::OkStatus();
    if (entry.folder()) opened_up_.reset();  // it may be made again
    entry.kind = wire::v1::DELETED;
    if (!status.ok()) {
      context_->ReportFailed(entry, status);
      return absl::OkStatus();
    }
    context_->operation->tracker->AddDeleted(1);
    context_->ReportDone(entry);
    return absl::OkStatus();
  });
}

absl::Status FolderTarget::ExecuteBlocked(const SpillList& blocked, bool /*removed*/) {
  return blocked.ForEach([&](std::string_view bytes) -> absl::Status {
    SyncRecord record = DecodeRecord(bytes);
    const absl::Status gone = Unlink({.name = record.entry.name, .kind = wire::v1::FOLDER});
    if (!gone.ok()) {
      context_->ReportFailed(record.entry, BlockedError(context_->LocalName(record.entry.name)));
      return absl::OkStatus();
    }
    record.change.action = SyncChange::Action::kCreate;
    return Execute(record);
  });
}

absl::Status FolderTarget::SetFolder(const SyncEntry& entry) {
  DRAY_ASSIGN_OR_RETURN(const UniqueFd fd,
                        context_->base->Open(entry.name, O_RDONLY | O_DIRECTORY));
  return WithContext(SetMetadata(fd.get(), MetadataOf(entry), get_options_),
                     EscapeName(context_->LocalName(entry.name)));
}

absl::Status FolderTarget::End(const SpillList& folders) {
  return folders.ForEach([&](std::string_view bytes) -> absl::Status {
    const SyncEntry entry = DecodeRecord(bytes).entry;
    if (absl::Status set = SetFolder(entry); !set.ok()) {
      context_->ReportFailed(entry, set);
    } else {
      context_->ReportDone(entry);
    }
    return absl::OkStatus();
  });
}

}  // namespace dray
