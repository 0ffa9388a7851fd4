#include "cli/commands.h"

#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "cli/listing.h"
#include "cli/moment.h"
#include "cli/naming.h"
#include "cli/remote_name.h"
#include "cli/retention.h"
#include "cli/sync.h"
#include "core/base/path.h"

namespace dray {
namespace {

using wire::v1::Version;

// As the XDG Base Directory Specification has it; empty where there is no such place.
std::string CacheFolder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && cache[0] == '/') return absl::StrCat(cache, "/dray");
  const char* home = std::getenv("HOME");
  return home != nullptr && home[0] == '/' ? absl::StrCat(home, "/.cache/dray") : "";
}

constexpr absl::Duration kWatchPeriod = absl::Seconds(1);

// One run of one command.
class Command {
 public:
  Command(const CommandLine& line, Console* console) : line_(line), console_(*console) {}

  // Looks the names over and makes the client; INVALID_ARGUMENT is wrong usage.
  absl::Status Prepare();
  Client* client() { return client_.get(); }
  int Run();

 private:
  int Put();
  int Get();
  int Sync();
  int List();
  int Stat();
  int Remove();
  int Move();
  int Log();
  int Restore();
  int Retention();
  int Status();
  int Watch();

  absl::Status ChangeRetention();
  void ShowRetention(const std::string& path, const wire::v1::Retention* rule);
  absl::Status ListOne(const RemoteName& name, bool titled);
  absl::StatusOr<Standing> StandingOf(const std::string& path);
  int Finish(const Outcome& outcome);
  int Fail(const absl::Status& status, const std::string& name = "");
  int Changed(const char* operation, const absl::StatusOr<wire::v1::Changed>& changed,
              const std::string& name);
  void ShowVersion(const Version& version, const std::string& name);

  const CommandLine& line_;
  Console& console_;
  std::vector<RemoteName> remotes_;  // the names on the server, in order
  std::vector<std::string> locals_;  // the local ones
  int64_t at_ns_ = 0;                // of --at; 0: now
  uint64_t keep_ns_ = 0;             // of --keep; 0: not given
  SyncOptions sync_options_;
  std::unique_ptr<Client> client_;
};

absl::Status Command::Prepare() {
  std::vector<std::string> names = line_.names;
  if (line_.verb == Verb::kList && names.empty()) names.push_back(":/");
  size_t first_remote = 0;
  size_t end_remote = names.size();
  if (line_.verb == Verb::kPut) first_remote = names.size() - 1;
  if (line_.verb == Verb::kSync) {
    DRAY_ASSIGN_OR_RETURN(sync_options_, SyncOptionsOf(line_));
    if (LooksRemote(names[0]) == LooksRemote(names[1])) {
      return absl::InvalidArgumentError(
          "one of SRC and DST has to be on a server (:/path), the other one here");
    }
    (LooksRemote(names[0]) ? end_remote : first_remote) = 1;
  }
  if (line_.verb == Verb::kGet && !LooksRemote(names.back())) end_remote = names.size() - 1;
  if (line_.verb == Verb::kGet && end_remote == names.size()) names.push_back(".");
  DRAY_ASSIGN_OR_RETURN(Address server, ParseAddress(line_.server, kDefaultPort));
  for (size_t i = 0; i < names.size(); ++i) {
    if (i < first_remote || i >= end_remote) {
      if (LooksRemote(names[i])) {
        return absl::InvalidArgumentError(absl::StrCat("\"", EscapeName(names[i]),
                                                       "\" is on a server; a local name is needed ",
                                                       "here (put ./ before a file of that name)"));
      }
      locals_.push_back(names[i]);
      continue;
    }
    DRAY_ASSIGN_OR_RETURN(RemoteName remote, ParseRemoteName(names[i]));
    if (remote.server && !remotes_.empty() && remote.server->ToString() != server.ToString()) {
      return absl::InvalidArgumentError("all names of one command have to be on one server");
    }
    if (remote.server) server = *remote.server;
    remotes_.push_back(std::move(remote));
  }
  if (!line_.at.empty()) {
    DRAY_ASSIGN_OR_RETURN(const absl::Time at,
                          ParseMoment(line_.at, absl::Now(), absl::LocalTimeZone()));
    at_ns_ = absl::ToUnixNanos(at);
  }
  if (line_.keep) {
    DRAY_ASSIGN_OR_RETURN(keep_ns_, ParseKeep(*line_.keep));
  }
  if (line_.verb == Verb::kRetention && names.empty() &&
      (keep_ns_ > 0 || line_.keep_last || line_.forever)) {
    return absl::InvalidArgumentError("a rule is set for a name; that of everything is :/");
  }
  ClientOptions options;
  options.server = server;
  options.connections = line_.connections;
  options.bytes_per_second = line_.bytes_per_second;
  options.hash_cache_folder = CacheFolder();
  // A watch asks again anyway, and shows what it is told.
  options.retry.retries = line_.watch ? 0 : line_.retries;
  options.callbacks.on_progress = [this](const Progress& progress) {
    console_.ShowProgress(progress);
  };
  options.callbacks.on_file = [this](const FileReport& report) { console_.ShowFile(report); };
  options.callbacks.on_notice = [this](const Notice& notice) { console_.Notice(notice.message); };
  client_ = std::make_unique<Client>(std::move(options));
  return absl::OkStatus();
}

int Command::Run() {
  switch (line_.verb) {
    case Verb::kPut:
      return Put();
    case Verb::kGet:
      return Get();
    case Verb::kSync:
      return Sync();
    case Verb::kList:
      return List();
    case Verb::kStat:
      return Stat();
    case Verb::kRemove:
      return Remove();
    case Verb::kMove:
      return Move();
    case Verb::kLog:
      return Log();
    case Verb::kRestore:
      return Restore();
    case Verb::kRetention:
      return Retention();
    case Verb::kStatus:
      return Status();
  }
  return kExitUsage;
}

int Command::Fail(const absl::Status& status, const std::string& name) {
  std::string text(status.message());
  if (!name.empty() && !absl::StrContains(text, EscapeName(name))) {
    text = absl::StrCat(":/", EscapeName(name), ": ", text);
  }
  if (absl::IsUnavailable(status) && absl::StrContains(text, "cannot reach ")) {
    text += "; is the front door running? Give its address with --server";
  }
  console_.Error(text, ConnectionIdOf(status));
  if (line_.json) console_.Print(ErrorJson(status, name));
  if (absl::IsCancelled(status)) return kExitInterrupted;
  return kExitFailed;
}

int Command::Finish(const Outcome& outcome) {
  Summary summary = outcome.summary;
  // Everything that this command moved, looking names up included.
  summary.bytes_sent = client_->bytes_sent();
  summary.bytes_received = client_->bytes_received();
  int status = kExitDone;
  if (!outcome.status.ok()) {
    status = Fail(outcome.status);
  } else if (summary.failed > 0) {
    status = summary.items() > 0 ? kExitSomeFailed : kExitFailed;
  }
  console_.ShowSummary(summary, line_.stats);
  return status;
}

absl::StatusOr<Standing> Command::StandingOf(const std::string& path) {
  if (path.empty()) return Standing::kFolder;
  const auto version = client_->Stat(path);
  if (absl::IsNotFound(version.status())) return Standing::kNothing;
  if (!version.ok()) return version.status();
  switch (version->metadata().kind()) {
    case wire::v1::FOLDER:
      return Standing::kFolder;
    case wire::v1::DELETED:
      return Standing::kNothing;
    default:
      return Standing::kOther;
  }
}

int Command::Put() {
  const auto jobs =
      NamePuts(locals_, remotes_[0], [this](const std::string& path) { return StandingOf(path); });
  if (!jobs.ok()) return Fail(jobs.status());
  PutOptions options;
  if (line_.if_absent) options.replaces.emplace().set_absent(true);
  if (line_.if_version) options.replaces.emplace().set_number(*line_.if_version);
  options.checksum = line_.checksum;
  return Finish(client_->Put(*jobs, options));
}

int Command::Get() {
  auto jobs = NameGets(remotes_, locals_[0]);
  if (!jobs.ok()) return Fail(jobs.status());
  for (GetJob& job : *jobs) {
    job.number = line_.version;
    job.at_ns = at_ns_;
  }
  GetOptions options;
  options.sync = line_.sync;
  options.checksum = line_.checksum;
  options.keep_special_modes = line_.keep_special_modes;
  return Finish(client_->Get(*jobs, options));
}

int Command::Sync() {
  SyncJob job = {.local = locals_[0], .remote = remotes_[0].path};
  job.direction =
      LooksRemote(line_.names[0]) ? SyncJob::Direction::kDownload : SyncJob::Direction::kUpload;
  if (line_.dry_run || line_.itemize) {
    sync_options_.on_change = [this](const SyncReport& report) {
      console_.Print(line_.json ? SyncChangeJson(report, line_.dry_run) : ItemizedChange(report));
    };
  }
  return Finish(client_->Sync(job, sync_options_));
}

void Command::ShowVersion(const Version& version, const std::string& name) {
  if (line_.json) return console_.Print(VersionJson(version));
  console_.Print(line_.long_format ? LongLine(version, name) : EscapeName(name));
}

absl::Status Command::ListOne(const RemoteName& name, bool titled) {
  if (!name.path.empty()) {
    DRAY_ASSIGN_OR_RETURN(const Version version, client_->Stat(name.path, 0, at_ns_));
    if (version.metadata().kind() == wire::v1::DELETED) {
      return absl::NotFoundError(absl::StrCat(EscapeName(name.path), " was deleted"));
    }
    if (version.metadata().kind() != wire::v1::FOLDER) {
      ShowVersion(version, name.path);
      return absl::OkStatus();
    }
  }
  if (titled && !line_.json) console_.Print(absl::StrCat(":/", EscapeName(name.path), ":"));
  const size_t prefix = name.path.empty() ? 0 : name.path.size() + 1;
  const auto show = [&](const Version& version) {
    if (version.path().size() > prefix) ShowVersion(version, version.path().substr(prefix));
    return absl::OkStatus();
  };
  return client_->List(name.path, line_.recursive, show, at_ns_);
}

int Command::List() {
  int status = kExitDone;
  for (const RemoteName& name : remotes_) {
    const absl::Status listed = ListOne(name, remotes_.size() > 1);
    if (!listed.ok()) status = Fail(listed, name.path);
    if (absl::IsCancelled(listed)) break;
  }
  return status;
}

int Command::Stat() {
  int status = kExitDone;
  for (const RemoteName& name : remotes_) {
    auto version = client_->Stat(name.path, line_.version, at_ns_);
    if (version.ok() && version->metadata().kind() == wire::v1::DELETED && line_.version == 0) {
      version = absl::NotFoundError(
          absl::StrCat(EscapeName(name.path), " was deleted; dray restore brings it back"));
    }
    if (!version.ok()) {
      status = Fail(version.status(), name.path);
      if (status == kExitInterrupted) break;
      continue;
    }
    console_.Print(line_.json ? VersionJson(*version) : StatText(*version));
  }
  return status;
}

int Command::Changed(const char* operation, const absl::StatusOr<wire::v1::Changed>& changed,
                     const std::string& name) {
  if (!changed.ok()) return Fail(changed.status(), name);
  if (line_.json) console_.Print(ChangedJson(operation, *changed));
  return kExitDone;
}

int Command::Remove() {
  int status = kExitDone;
  for (const RemoteName& name : remotes_) {
    auto changed = client_->Delete(name.path, line_.recursive);
    if (absl::IsFailedPrecondition(changed.status()) && !line_.recursive) {
      changed = absl::FailedPreconditionError(
          absl::StrCat(changed.status().message(), " (rm --recursive)"));
    }
    const int one = Changed("rm", changed, name.path);
    if (one != kExitDone) status = one;
    if (one == kExitInterrupted) break;
  }
  return status;
}

int Command::Move() {
  const auto to = NameMove(remotes_[0], remotes_[1],
                           [this](const std::string& path) { return StandingOf(path); });
  if (!to.ok()) return Fail(to.status());
  return Changed("mv", client_->Move(remotes_[0].path, *to), remotes_[0].path);
}

int Command::Log() {
  const absl::Status status = client_->History(remotes_[0].path, [this](const Version& version) {
    console_.Print(line_.json ? VersionJson(version) : LogLine(version));
    return absl::OkStatus();
  });
  return status.ok() ? kExitDone : Fail(status, remotes_[0].path);
}

int Command::Restore() {
  return Changed("restore", client_->Restore(remotes_[0].path, line_.version), remotes_[0].path);
}

absl::Status Command::ChangeRetention() {
  if (line_.forever) return client_->RemoveRetention(remotes_[0].path);
  if (keep_ns_ == 0 && !line_.keep_last) return absl::OkStatus();
  wire::v1::Retention rule;
  rule.set_path(remotes_[0].path);
  rule.set_keep_last(line_.keep_last.value_or(0));
  rule.set_keep_ns(keep_ns_);
  return client_->SetRetention(rule);
}

void Command::ShowRetention(const std::string& path, const wire::v1::Retention* rule) {
  console_.Print(line_.json ? RetentionJson(path, rule) : RetentionLine(path, rule));
}

// What was changed is told as well: after --forever, another rule may apply.
int Command::Retention() {
  const std::string path = remotes_.empty() ? "" : remotes_[0].path;
  if (const absl::Status changed = ChangeRetention(); !changed.ok()) return Fail(changed, path);
  const auto rules = client_->Retentions();
  if (!rules.ok()) return Fail(rules.status());
  if (!remotes_.empty()) {
    ShowRetention(path, RuleFor(*rules, path));
  } else if (!rules->empty()) {
    for (const wire::v1::Retention& rule : *rules) ShowRetention(rule.path(), &rule);
  } else if (!line_.json) {
    ShowRetention("", nullptr);
  }
  return kExitDone;
}

// Ends when the user interrupts it.
int Command::Watch() {
  while (true) {
    const auto status = client_->Status();
    if (absl::IsCancelled(status.status())) return kExitInterrupted;
    if (line_.json) {
      console_.Print(status.ok() ? StatusJson(*status) : ErrorJson(status.status(), ""));
      console_.Flush();
    } else {
      const std::string text =
          status.ok() ? StatusText(*status)
                      : absl::StrCat("dray: ", status.status().message(), "; trying on\n");
      console_.ShowScreen(text);
    }
    absl::SleepFor(kWatchPeriod);
  }
}

int Command::Status() {
  if (line_.watch) return Watch();
  const auto status = client_->Status();
  if (!status.ok()) return Fail(status.status());
  console_.Print(line_.json ? StatusJson(*status) : StatusText(*status));
  return kExitDone;
}

}  // namespace

int RunCommand(const CommandLine& line, Console* console,
               const std::function<void(Client*)>& on_client) {
  Command command(line, console);
  if (absl::Status prepared = command.Prepare(); !prepared.ok()) {
    console->Error(std::string(prepared.message()));
    return kExitUsage;
  }
  on_client(command.client());
  const int status = command.Run();
  on_client(nullptr);
  return status;
}

}  // namespace dray
