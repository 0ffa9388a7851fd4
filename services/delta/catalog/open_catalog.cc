#include "services/delta/catalog/open_catalog.h"

#include <utility>

#include "core/base/path.h"
#include "services/delta/catalog/sqlite_catalog.h"

namespace dray::delta {

absl::StatusOr<std::string> CatalogFile(const std::string& name) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (name.rfind(kSqlite, 0) != 0 || name.size() == kSqlite.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", EscapeName(name), "\" names no catalog; give --catalog sqlite:FILE"));
  }
  return name.substr(kSqlite.size());
}

absl::StatusOr<std::unique_ptr<Catalog>> OpenCatalog(
    const std::string& name, std::function<void(size_t operations, double seconds)> on_commit) {
  DRAY_ASSIGN_OR_RETURN(std::string file, CatalogFile(name));
  SqliteCatalogOptions options{.file = std::move(file)};
  options.writes.on_commit = std::move(on_commit);
  return OpenSqliteCatalog(std::move(options));
}

}  // namespace dray::delta
