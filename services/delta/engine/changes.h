#ifndef DRAY_SERVICES_DELTA_ENGINE_CHANGES_H_
#define DRAY_SERVICES_DELTA_ENGINE_CHANGES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "services/delta/catalog/catalog.h"
#include "services/delta/engine/commit.h"
#include "services/delta/engine/names.h"

// Deleting, restoring and moving. All of a change happens in one transaction. An operation id
// (empty: none) that is on record is answered with what it did, and nothing is done again.
namespace dray::delta {

struct ChangeResult {
  std::string path;
  VersionRecord version;
  uint64_t entries = 0;  // how many were changed
};

// Gives the path, and every live entry beneath, a version that is a deletion; all have one change
// id, drawn by the caller. FAILED_PRECONDITION for a folder that is not empty unless `recursive`,
// and where `replaces` does not hold.
absl::StatusOr<ChangeResult> DeletePath(NameWriter& writer, std::string_view path, bool recursive,
                                        std::string_view operation_id, ChangeId change,
                                        const Precondition& replaces = {});

// Number 0: undoes the deletion of the path and of all beneath it that was deleted with it. Number
// n: makes that version the newest again. Folders above are made again where need be.
// FAILED_PRECONDITION when the path is not deleted (0) or version n is a deletion.
absl::StatusOr<ChangeResult> RestorePath(NameWriter& writer, std::string_view path, uint64_t number,
                                         std::string_view operation_id);

// Moves an entry with all that is beneath it. Where the target never existed, the entry takes its
// history along: one row changes. Where the target was deleted, versions are made there and
// deletions here, so that both histories stay. ALREADY_EXISTS when the target is live;
// INVALID_ARGUMENT when it lies beneath the source.
absl::StatusOr<ChangeResult> MovePath(NameWriter& writer, std::string_view from,
                                      std::string_view to, std::string_view operation_id,
                                      ChangeId change);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_CHANGES_H_
