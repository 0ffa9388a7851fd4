#ifndef DRAY_SERVICES_DELTA_CATALOG_CATALOG_REBUILD_H_
#define DRAY_SERVICES_DELTA_CATALOG_CATALOG_REBUILD_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/chunking/node.h"
#include "core/database/database.h"
#include "services/delta/catalog/sqlite_access.h"
#include "services/delta/catalog/types.h"

namespace dray::delta {

// Makes a new catalog from what segments hold and what is sound in the old one: chunk rows are
// those that AddChunk is told of; nodes are the old ones whose encodings are whole and that stand
// on such chunks; names and versions are the old ones; references are counted anew. The old file
// stays beside the new one, under another name. A version whose tree is not whole keeps its place:
// when a file of that content is put again, it is whole again. Until Finish the old file is not
// touched. Not thread-safe; blocks.
class CatalogRebuild {
 public:
  // Holds the catalog's lock: no service may use it. Without such a file there will be one that
  // knows chunks and no names.
  static absl::StatusOr<std::unique_ptr<CatalogRebuild>> Start(const std::string& file);
  // Removes what is not finished.
  ~CatalogRebuild();

  // REQUIRES: it is durable, and its bytes have its id. The first place told of a chunk wins.
  absl::Status AddChunk(const StoredChunk& chunk);

  struct Report {
    uint64_t chunks = 0;
    uint64_t nodes = 0;
    uint64_t lost_nodes = 0;
    uint64_t versions = 0;
    std::vector<std::string> lost_versions;  // "version 3 of :/path"
    // Names, versions and rules of retention of which a record was damaged, and what may be wrong
    // about them.
    std::vector<std::string> damaged_records;
    std::string old_file;  // what the old catalog is called now; empty: none
  };
  // Puts the new catalog in the old one's place. REQUIRES: called once.
  absl::StatusOr<Report> Finish();

 private:
  CatalogRebuild(std::string file, UniqueFd lock);

  absl::Status OpenNew();
  absl::Status AttachOld();
  absl::Status CopyNames();
  // What is left of a damaged record is all there is: tells which ones are, and gives them
  // checksums, so that they can be read and replaced.
  absl::Status SealNames();
  // A damaged rule of retention might drop what was to be kept: it goes.
  absl::Status ForgetDamagedRetentions();
  absl::Status AddNodes();
  absl::Status AddNodesOfLevel(int level, int64_t rows, int* top);
  // The encoding in that row of the old catalog; empty if there is none, or it cannot be read.
  std::string OldEncoding(int64_t row);
  absl::Status CountRoots();
  absl::Status KeepPlace(const Root& root, int64_t size);
  absl::Status Replace();

  const std::string file_;
  const std::string new_file_;
  const UniqueFd lock_;
  bool has_old_ = false;
  std::unique_ptr<Database> database_;
  std::unique_ptr<SqliteAccess> access_;
  uint64_t uncommitted_ = 0;
  Report report_;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_CATALOG_REBUILD_H_
