#ifndef DRAY_SERVICES_DELTA_ENGINE_LISTING_H_
#define DRAY_SERVICES_DELTA_ENGINE_LISTING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dray/delta/v1/delta.pb.h"
#include "services/delta/engine/names.h"
#include "services/delta/engine/response_source.h"

namespace dray::delta {

// The live entries of a folder, depth first, names in byte order, a folder before what it holds; of
// anything else, itself. Of an earlier moment, it is what was there then, whatever changes
// meanwhile; of now, what changes while the list is read may or may not be in it. Memory: one name
// for each level.
class ListSource final : public ResponseSource<v1::VersionsResponse> {
 public:
  ListSource(std::string path, bool recursive, Moment at = 0)
      : prefix_(std::move(path)), recursive_(recursive), at_(at) {}
  absl::StatusOr<bool> Next(CatalogView& view,
                            std::vector<v1::VersionsResponse>* messages) override;

 private:
  struct Level {
    EntryId folder{0};
    std::string after;        // the last name told
    size_t prefix_bytes = 0;  // of the path above this folder
  };

  absl::StatusOr<bool> Start(CatalogView& view, v1::VersionsResponse* message);
  // Tells entries of the deepest level until the message is full, or a folder is to be entered, or
  // the level ends.
  absl::Status Continue(CatalogView& view, v1::VersionsResponse* message);

  std::string prefix_;
  const bool recursive_;
  const Moment at_;
  bool started_ = false;
  std::vector<Level> levels_;
};

// All versions of a path, newest first, deletions too. NOT_FOUND for a path that never was.
class HistorySource final : public ResponseSource<v1::VersionsResponse> {
 public:
  explicit HistorySource(std::string path) : path_(std::move(path)) {}
  absl::StatusOr<bool> Next(CatalogView& view,
                            std::vector<v1::VersionsResponse>* messages) override;

 private:
  const std::string path_;
  std::optional<EntryId> entry_;
  uint64_t before_ = 0;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_LISTING_H_
