#ifndef DRAY_SERVICES_DELTA_ENGINE_COMMIT_H_
#define DRAY_SERVICES_DELTA_ENGINE_COMMIT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "services/delta/catalog/catalog.h"
#include "services/delta/engine/names.h"

namespace dray::delta {

// What a commit demands of the newest version.
struct Precondition {
  bool absent = false;  // there is none, or it is a deletion
  std::optional<uint64_t> number;
};

// FAILED_PRECONDITION unless `replaces` holds for what is at `path`; the message tells the newest
// number.
absl::Status CheckPrecondition(std::string_view path, const Precondition& replaces,
                               const std::optional<EntryRecord>& existing);

struct CommitArguments {
  std::string path;
  Metadata metadata;
  std::optional<Root> root;  // files only
  std::string operation_id;  // empty: the commit is not remembered
  Precondition replaces;
};

struct CommitResult {
  VersionRecord version;
  bool unchanged = false;  // the newest version was the same already
};

// What committing would do. Reads only.
struct CommitPlan {
  std::optional<CommitResult> answer;  // nothing is to be written
  std::optional<EntryRecord>
      existing;  // else: the entry that gets a version, unless it is to be made
};

// FAILED_PRECONDITION: `replaces` does not hold (the message tells the newest number), or a file
// would take the place of a folder, a folder that of a file, or an entry would lie in something
// that is no folder.
absl::StatusOr<CommitPlan> PlanCommit(CatalogView& view, const CommitArguments& arguments,
                                      FolderCache* folders);

// Makes the version, and missing folders above it. Errors as PlanCommit, and as
// CatalogTransaction::AddVersion.
absl::StatusOr<CommitResult> CommitEntry(NameWriter& writer, const CommitArguments& arguments);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_COMMIT_H_
