#include "client/get.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "client/beneath_folder.h"
#include "client/get_session.h"
#include "client/names.h"
#include "client/part_name.h"
#include "core/base/path.h"
#include "core/framing/frame.h"

namespace dray {
namespace {

// One job of a get: finds out what is to be got, makes folders and hands files to the workers; what
// has to wait until they are there is kept.
class JobRunner {
 public:
  JobRunner(const Operation& operation, const GetOptions& options, GetSession* session,
            const GetJob& job)
      : operation_(operation), options_(options), session_(session), job_(job) {}

  // An error ends the operation; what concerns this job alone is reported.
  absl::Status Start(Channel* channel);
  // Links, then folders: when all files are there.
  void Finish();

 private:
  // An entry beneath base_.
  struct Entry {
    std::string name;
    wire::v1::Version version;
  };

  absl::Status StartFolder(Channel* channel, const wire::v1::Version& top);
  absl::Status Take(const wire::v1::Version& version);
  // The name beneath the target, or why there is none.
  absl::StatusOr<std::string> NameOf(const wire::v1::Version& version) const;
  absl::Status TakeFile(const std::string& name, const wire::v1::Version& version);
  void TakeFolder(const std::string& name, const wire::v1::Version& version);
  void MakeLink(const Entry& entry);
  void SetFolder(const Entry& entry);
  std::string Local(const std::string& name) const;
  void Report(const std::string& name, const wire::v1::Version& version,
              FileReport::Outcome outcome, const absl::Status& status = absl::OkStatus());

  const Operation& operation_;
  const GetOptions& options_;
  GetSession* const session_;
  const GetJob& job_;
  std::shared_ptr<const BeneathFolder> base_;
  bool folder_ = false;  // base_ is the target itself, not what holds it
  std::vector<Entry> links_;
  std::vector<Entry> folders_;
};

std::string JobRunner::Local(const std::string& name) const {
  if (!folder_ || name.empty()) return job_.local;
  return job_.local.back() == '/' ? job_.local + name : absl::StrCat(job_.local, "/", name);
}

void JobRunner::Report(const std::string& name, const wire::v1::Version& version,
                       FileReport::Outcome outcome, const absl::Status& status) {
  operation_.tracker->Report({.outcome = outcome,
                              .kind = version.metadata().kind(),
                              .local = Local(name),
                              .remote = version.path(),
                              .size_bytes = version.metadata().size(),
                              .version = version.number(),
                              .status = status});
}

absl::Status JobRunner::Start(Channel* channel) {
  wire::v1::Stat question;
  question.mutable_version()->set_path(job_.remote);
  question.mutable_version()->set_number(job_.number);
  question.mutable_version()->set_at_ns(job_.at_ns);
  wire::v1::Changed answer;
  absl::Status status = Ask(operation_, channel, FrameType::kStat, question, FrameType::kChanged,
                            &answer, FeatureFor(job_.at_ns));
  wire::v1::Version version = answer.version();
  version.set_path(job_.remote);
  if (absl::IsUnavailable(status)) return status;
  if (status.ok() && version.metadata().kind() == wire::v1::DELETED) {
    status = absl::NotFoundError(absl::StrCat(EscapeName(job_.remote), " was deleted"));
  }
  if (status.ok() && version.metadata().kind() == wire::v1::FOLDER) {
    if (job_.number == 0) return StartFolder(channel, version);
    status = absl::InvalidArgumentError(
        "a folder has no contents of its own: leave the version away, or name a time");
  }
  const auto [parent, name] = SplitLast(job_.local);
  if (status.ok()) {
    const bool relative = job_.local.find('/') == std::string::npos;
    auto base = BeneathFolder::Open(relative ? "." : parent.empty() ? "/" : parent);
    status = base.status();
    if (status.ok()) base_ = std::make_shared<const BeneathFolder>(*std::move(base));
  }
  if (status.ok() && version.metadata().kind() == wire::v1::SYMLINK) {
    links_.push_back({name, version});
    return absl::OkStatus();
  }
  if (status.ok()) return TakeFile(name, version);
  Report("", version, FileReport::Outcome::kFailed, status);
  return operation_.cancellation->Check();
}

absl::Status JobRunner::StartFolder(Channel* channel, const wire::v1::Version& top) {
  folder_ = true;
  if (::mkdir(job_.local.c_str(), 0700) != 0 && errno != EEXIST) {
    Report("", top, FileReport::Outcome::kFailed,
           ErrnoStatus(errno, absl::StrCat("cannot make ", EscapeName(job_.local))));
    return absl::OkStatus();
  }
  auto base = BeneathFolder::Open(job_.local);
  if (!base.ok()) {
    Report("", top, FileReport::Outcome::kFailed, base.status());
    return absl::OkStatus();
  }
  base_ = std::make_shared<const BeneathFolder>(*std::move(base));
  if (!job_.remote.empty()) folders_.push_back({"", top});
  wire::v1::List question;
  question.set_path(job_.remote);
  question.set_recursive(true);
  question.set_at_ns(job_.at_ns);
  const absl::Status listed =
      ListVersions(operation_, channel, question,
                   [&](const wire::v1::Version& version) { return Take(version); });
  if (listed.ok() || absl::IsUnavailable(listed) || absl::IsCancelled(listed)) return listed;
  channel->Drop();
  Report("", top, FileReport::Outcome::kFailed, listed);
  return absl::OkStatus();
}

absl::StatusOr<std::string> JobRunner::NameOf(const wire::v1::Version& version) const {
  const std::string& path = version.path();
  const auto names = SplitRemotePath(path);
  const std::string prefix = job_.remote.empty() ? "" : absl::StrCat(job_.remote, "/");
  if (!names.ok() || path.size() <= prefix.size() || path.compare(0, prefix.size(), prefix) != 0) {
    return absl::DataLossError(absl::StrCat("the server lists \"", EscapeName(path),
                                            "\", which is not beneath \"", EscapeName(job_.remote),
                                            "\""));
  }
  return path.substr(prefix.size());
}

absl::Status JobRunner::Take(const wire::v1::Version& version) {
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  if (version.path() == job_.remote) return absl::OkStatus();  // the folder itself
  DRAY_ASSIGN_OR_RETURN(const std::string name, NameOf(version));
  switch (version.metadata().kind()) {
    case wire::v1::FOLDER:
      TakeFolder(name, version);
      return absl::OkStatus();
    case wire::v1::FILE:
      return TakeFile(name, version);
    case wire::v1::SYMLINK:
      links_.push_back({name, version});
      return absl::OkStatus();
    default:
      return absl::OkStatus();  // deleted
  }
}

void JobRunner::TakeFolder(const std::string& name, const wire::v1::Version& version) {
  if (absl::Status made = base_->MakeFolder(name); !made.ok()) {
    Report(name, version, FileReport::Outcome::kFailed, made);
    return;
  }
  folders_.push_back({name, version});
}

absl::Status JobRunner::TakeFile(const std::string& name, const wire::v1::Version& version) {
  RemoteFile file = {.version = version,
                     .base = base_,
                     .name = name,
                     .local = Local(name),
                     .root = {},
                     .at_ns = job_.at_ns};
  absl::Status checked = CheckVersion(&file);
  if (checked.ok() && IsPartName(name)) {
    checked =
        absl::FailedPreconditionError(absl::StrCat(EscapeName(file.local),
                                                   " has a name that only unfinished files have; "
                                                   "rename it on the server to get it"));
  }
  if (!checked.ok()) {
    Report(name, version, FileReport::Outcome::kFailed, checked);
    return absl::OkStatus();
  }
  operation_.tracker->AddTotal(1, file.size_bytes());
  return session_->Add(std::move(file)) ? absl::OkStatus() : absl::CancelledError("interrupted");
}

void JobRunner::Finish() {
  for (const Entry& link : links_) MakeLink(link);
  // A folder comes before what is in it: backwards, the deepest come first.
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) SetFolder(*folder);
}

void JobRunner::MakeLink(const Entry& entry) {
  const std::string& target = entry.version.metadata().symlink_target();
  if (target.empty() || target.find('\0') != std::string::npos) {
    Report(entry.name, entry.version, FileReport::Outcome::kFailed,
           absl::DataLossError("the server names a link that leads nowhere"));
    return;
  }
  const auto changed = base_->MakeLink(entry.name, target);
  if (!changed.ok()) {
    Report(entry.name, entry.version, FileReport::Outcome::kFailed, changed.status());
    return;
  }
  const absl::Status set = base_->SetLinkTime(entry.name, entry.version.metadata().mtime_ns());
  Report(entry.name, entry.version,
         !set.ok()  ? FileReport::Outcome::kFailed
         : *changed ? FileReport::Outcome::kDone
                    : FileReport::Outcome::kUnchanged,
         set);
}

void JobRunner::SetFolder(const Entry& entry) {
  const auto fd = base_->Open(entry.name, O_RDONLY | O_DIRECTORY);
  absl::Status status = fd.status();
  if (status.ok()) {
    status = WithContext(SetMetadata(fd->get(), entry.version.metadata(), options_),
                         EscapeName(Local(entry.name)));
  }
  Report(entry.name, entry.version,
         status.ok() ? FileReport::Outcome::kDone : FileReport::Outcome::kFailed, status);
}

}  // namespace

absl::Status GetAll(const Operation& operation, absl::Span<const GetJob> jobs,
                    const GetOptions& options) {
  GetSession session(operation, options);
  std::vector<std::unique_ptr<JobRunner>> runners;
  absl::Status status;
  {
    const ChannelPool::Borrowed channel = operation.channels->Borrow();
    for (const GetJob& job : jobs) {
      runners.push_back(std::make_unique<JobRunner>(operation, options, &session, job));
      status = runners.back()->Start(channel.get());
      if (!status.ok()) break;
      session.Flush();
    }
  }
  operation.tracker->TotalsAreFinal();
  const absl::Status finished = session.Finish();
  DRAY_RETURN_IF_ERROR(operation.cancellation->Check());
  for (const auto& runner : runners) runner->Finish();
  DRAY_RETURN_IF_ERROR(finished);
  return status;
}

}  // namespace dray
