#include "services/delta/check.h"

#include "services/delta/catalog/open_catalog.h"

namespace dray::delta {

absl::Status CheckCatalog(const std::string& catalog, std::ostream& out) {
  DRAY_ASSIGN_OR_RETURN(const auto opened, OpenCatalog(catalog));
  DRAY_ASSIGN_OR_RETURN(const ConsistencyReport report, opened->CheckConsistency());
  out << report.entries << " entries, " << report.versions << " versions, " << report.nodes
      << " nodes, " << report.chunks << " chunks\n";
  for (const std::string& problem : report.problems) out << "wrong: " << problem << "\n";
  if (report.problem_count == 0) {
    out << "the catalog is consistent\n";
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat("the catalog has ", report.problem_count, " problems"));
}

}  // namespace dray::delta
