#ifndef DRAY_CORE_SEGMENT_STORE_FOLDER_H_
#define DRAY_CORE_SEGMENT_STORE_FOLDER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/file.h"
#include "core/base/status.h"
#include "core/segment/segment_store.h"

namespace dray {

// The folder of a local segment store: its names, its lock, its format; docs/format/segment.md.
// Everything is opened relative to the folder's descriptor and follows no link. Errors name the
// file. Thread-safe, except for WriteNextId.
class StoreFolder {
 public:
  // Makes the folder if need be, locks it and checks its format, as OpenLocalSegmentStore says.
  static absl::StatusOr<std::unique_ptr<StoreFolder>> Open(const std::string& path);

  const std::string& path() const { return path_; }

  // In order of id. DATA_LOSS when an id has two files.
  absl::StatusOr<std::vector<SegmentInfo>> Segments() const;

  // Makes a new, empty, unsealed segment. ALREADY_EXISTS if there is one.
  absl::StatusOr<UniqueFd> Create(SegmentId id) const;
  absl::StatusOr<UniqueFd> OpenSegment(SegmentId id, bool sealed, int flags) const;
  // Renames .open to .seg.
  absl::Status Seal(SegmentId id) const;
  absl::Status Remove(SegmentId id, bool sealed) const;

  // Makes the names durable.
  absl::Status Sync() const;

  // The file `next`: every id ever used is below it. 1 when there is none.
  absl::StatusOr<uint64_t> ReadNextId() const;
  absl::Status WriteNextId(uint64_t next_id) const;

 private:
  StoreFolder(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  absl::Status Lock();
  absl::Status CheckFormat() const;
  absl::StatusOr<UniqueFd> OpenAt(const std::string& name, int flags) const;
  absl::StatusOr<std::string> ReadSmallFile(const std::string& name) const;
  // Durably and at once.
  absl::Status ReplaceSmallFile(const std::string& name, std::string_view contents) const;
  std::string NameOf(const std::string& name) const;

  const std::string path_;
  const UniqueFd fd_;
  UniqueFd lock_;
};

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_STORE_FOLDER_H_
