#include "services/delta/catalog/entry_path.h"

#include <optional>

#include "core/base/path.h"
#include "services/delta/catalog/types.h"

namespace dray::delta {
namespace {

// Puts the entry's name before `path` and makes `entry` its parent. False: it is not there.
bool StepUp(Database& database, int64_t* entry, std::string* path) {
  const auto statement = database.Prepare("SELECT parent, name FROM entries WHERE id=?1");
  if (!statement.ok()) return false;
  Query query(*statement);
  query->Bind(1, *entry);
  if (!query->Step().value_or(false)) return false;
  *entry = query->Integer(0);
  *path = absl::StrCat("/", EscapeName(query->Blob(1)), *path);
  return true;
}

}  // namespace

std::string DescribeEntry(Database& database, int64_t entry) {
  std::string path;
  int64_t at = entry;
  for (size_t steps = 0; at != static_cast<int64_t>(kTopEntry); ++steps) {
    if (steps > kMaxPathBytes || !StepUp(database, &at, &path)) {
      return absl::StrCat("entry ", entry);
    }
  }
  return absl::StrCat(":", path.empty() ? "/" : path);
}

}  // namespace dray::delta
