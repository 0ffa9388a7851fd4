#include "client/sync/sync_target.h"

#include <vector>

#include "client/names.h"
#include "core/base/path.h"

namespace dray {
namespace {

std::string Join(const std::string& folder, const std::string& name) {
  if (folder.empty()) return name;
  if (name.empty()) return folder;
  return folder.back() == '/' ? folder + name : absl::StrCat(folder, "/", name);
}

}  // namespace

std::string SyncContext::LocalName(const std::string& name) const { return Join(job->local, name); }

std::string SyncContext::RemoteName(const std::string& name) const {
  return Join(job->remote, name);
}

absl::Status SyncContext::LearnRoots(absl::Span<SyncEntry> files) const {
  std::vector<SyncEntry*> rootless;
  std::vector<wire::v1::VersionRef> questions;
  for (SyncEntry& file : files) {
    if (!file.root.empty()) continue;
    rootless.push_back(&file);
    wire::v1::VersionRef& question = questions.emplace_back();
    question.set_path(RemoteName(file.name));
    question.set_number(file.version);
  }
  if (rootless.empty()) return absl::OkStatus();
  const ChannelPool::Borrowed channel = operation->channels->Borrow();
  DRAY_ASSIGN_OR_RETURN(const auto roots, AskRoots(*operation, channel.get(), questions));
  for (size_t i = 0; i < roots.size(); ++i) {
    if (roots[i]) rootless[i]->root = std::string(roots[i]->view());
  }
  return absl::OkStatus();
}

void SyncContext::ReportFailed(const SyncEntry& entry, const absl::Status& status) const {
  operation->tracker->Report({.outcome = FileReport::Outcome::kFailed,
                              .kind = entry.kind,
                              .local = LocalName(entry.name),
                              .remote = RemoteName(entry.name),
                              .size_bytes = entry.size_bytes,
                              .status = status});
}

void SyncContext::ReportDone(const SyncEntry& entry) const {
  operation->tracker->Report({.outcome = FileReport::Outcome::kDone,
                              .kind = entry.kind,
                              .local = LocalName(entry.name),
                              .remote = RemoteName(entry.name),
                              .size_bytes = entry.size_bytes,
                              .version = entry.version});
}

absl::Status BlockedError(const std::string& name) {
  return absl::FailedPreconditionError(absl::StrCat("a folder that is not empty stands where ",
                                                    EscapeName(name),
                                                    " has to go; sync deletes it with --delete"));
}

}  // namespace dray
