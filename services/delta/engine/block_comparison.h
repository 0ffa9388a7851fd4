#ifndef DRAY_SERVICES_DELTA_ENGINE_BLOCK_COMPARISON_H_
#define DRAY_SERVICES_DELTA_ENGINE_BLOCK_COMPARISON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// The steps of CompareBlocks: a list of the hashes of blocks, piece by piece, against the list of a
// stored version. Holds one piece at most. INVALID_ARGUMENT for steps out of order, and for pieces
// of a wrong length. Not thread-safe.
class BlockComparison {
 public:
  // Chooses the newest version of `path`. NOT_FOUND; FAILED_PRECONDITION if it is no file.
  absl::Status Open(CatalogView& view, std::string path, uint32_t block_bytes);

  const std::string& path() const { return path_; }
  // REQUIRES, as all below: Open() worked.
  const VersionRecord& version() const { return version_; }
  // The version's own list is not known yet.
  bool list_needed() const { return list_needed_; }

  // The next piece of the version's own list. REQUIRES: list_needed().
  absl::Status CheckStored(std::string_view hashes, bool last) const;
  absl::Status AddStored(CatalogTransaction& transaction, std::string_view hashes, bool last) const;
  // After AddStored() was committed.
  void StoredAdded(std::string_view hashes, bool last);

  // The next piece of the list to be compared: the blocks that the version has not.
  absl::StatusOr<std::vector<uint64_t>> Compare(CatalogView& view, std::string_view hashes);

 private:
  absl::Status CheckPiece(std::string_view hashes) const;

  bool opened_ = false;
  std::string path_;
  uint32_t block_bytes_ = 0;
  VersionRecord version_;
  bool list_needed_ = false;
  uint64_t stored_hashes_ = 0;
  uint64_t compared_hashes_ = 0;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_BLOCK_COMPARISON_H_
