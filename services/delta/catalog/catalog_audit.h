#ifndef DRAY_SERVICES_DELTA_CATALOG_CATALOG_AUDIT_H_
#define DRAY_SERVICES_DELTA_CATALOG_CATALOG_AUDIT_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/database/database.h"
#include "services/delta/catalog/types.h"

namespace dray::delta {

// A catalog opened to be looked at, in the state in which it was at that moment, whether a service
// uses it or not. Writes nothing. Not thread-safe; its calls block, for a time in proportion to the
// catalog.
class CatalogAudit {
 public:
  // NOT_FOUND when there is no such file; FAILED_PRECONDITION when its schema is not this
  // program's.
  static absl::StatusOr<std::unique_ptr<CatalogAudit>> Open(const std::string& file);

  // What SQLite finds wrong with its own pages and indexes, 100 problems at most.
  std::vector<std::string> CheckPages();
  // See Catalog::CheckConsistency. DATA_LOSS when damaged pages stop it.
  absl::StatusOr<ConsistencyReport> CheckConsistency();
  // Every chunk, in about the order in which they came, until `visit` fails.
  absl::Status VisitChunks(absl::FunctionRef<absl::Status(const StoredChunk&)> visit);

  // A version that cannot be read whole.
  struct DamagedVersion {
    std::string path;  // as DescribeEntry has it
    uint64_t number = 0;
    bool newest = false;
  };
  // All that stand on what is damaged; memory grows with the damage.
  absl::StatusOr<std::vector<DamagedVersion>> VersionsOn(const Damage& damage);

 private:
  explicit CatalogAudit(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  // Adds the nodes of this level that stand on what is damaged.
  absl::Status SpreadToLevel(int64_t level, Damage* damage);

  std::unique_ptr<Database> database_;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_CATALOG_AUDIT_H_
