#include "cli/sync.h"

#include <nlohmann/json.hpp>

#include "core/base/path.h"

namespace dray {
namespace {

using Action = SyncChange::Action;

constexpr char kDeleting[] = "*deleting  ";

std::string ShownName(const SyncReport& report) {
  if (report.name.empty()) return "./";
  const bool folder = report.change.kind == wire::v1::FOLDER;
  return EscapeName(report.name) + (folder ? "/" : "");
}

bool IsNew(Action action) { return action != Action::kUpdate && action != Action::kSetMetadata; }

char KindLetter(wire::v1::EntryKind kind) {
  if (kind == wire::v1::FOLDER) return 'd';
  return kind == wire::v1::SYMLINK ? 'L' : 'f';
}

// Contents move, something is made here, or only mode and time are set.
char ActionLetter(const SyncReport& report) {
  if (report.change.action == Action::kSetMetadata) return '.';
  if (report.change.kind != wire::v1::FILE) return 'c';
  return report.direction == SyncJob::Direction::kUpload ? '<' : '>';
}

std::string ChangeLetters(const SyncReport& report) {
  if (report.deleted) return kDeleting;
  const SyncChange& change = report.change;
  std::string letters = {ActionLetter(report), KindLetter(change.kind)};
  if (IsNew(change.action)) return letters + "+++++++++";
  letters += change.contents ? 'c' : '.';
  letters += change.size ? 's' : '.';
  letters += change.time ? 't' : '.';
  letters += change.mode ? 'p' : '.';
  return letters + ".....";  // owner, group and the like, which are not kept
}

}  // namespace

absl::StatusOr<SyncOptions> SyncOptionsOf(const CommandLine& line) {
  SyncOptions options;
  for (const FilterFlag& flag : line.filters) {
    absl::Status added;
    switch (flag.kind) {
      case FilterFlag::Kind::kExclude:
        added = options.filter.AddPattern(flag.text);
        break;
      case FilterFlag::Kind::kInclude:
        added = options.filter.AddInclude(flag.text);
        break;
      case FilterFlag::Kind::kExcludeFrom:
        added = options.filter.AddFile(flag.text);
        break;
    }
    if (!added.ok()) return absl::InvalidArgumentError(added.message());
  }
  options.delete_extra = line.delete_extra;
  options.max_delete = line.max_delete;
  options.dry_run = line.dry_run;
  options.checksum = line.checksum;
  options.update = line.update;
  options.sync = line.sync;
  options.keep_special_modes = line.keep_special_modes;
  return options;
}

std::string ItemizedChange(const SyncReport& report) {
  return absl::StrCat(ChangeLetters(report), " ", ShownName(report));
}

std::string SyncChangeJson(const SyncReport& report, bool dry_run) {
  nlohmann::ordered_json json;
  json["change"] = ChangeLetters(report);
  if (report.deleted) json["change"] = "*deleting";
  json["name"] = ShownName(report);
  if (dry_run) json["dry_run"] = true;
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace dray
