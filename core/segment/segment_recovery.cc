#include "core/segment/segment_recovery.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "core/base/file.h"
#include "core/segment/segment_format.h"
#include "core/segment/segment_scanner.h"

namespace dray {
namespace {

std::string NameIn(const StoreFolder& folder, SegmentId id) {
  return absl::StrCat(folder.path(), "/", SegmentFileName(id, false));
}

// Where the last valid record of an open segment ends. Damage before it is logged.
absl::StatusOr<uint64_t> FindEnd(const StoreFolder& folder, int fd, const SegmentInfo& info) {
  std::vector<DamagedRange> damage;
  DRAY_ASSIGN_OR_RETURN(const uint64_t end,
                        ScanSegment(
                            fd, info.id, info.size_bytes, [](const ScannedRecord&) {},
                            [&](const DamagedRange& range) { damage.push_back(range); }));
  for (const DamagedRange& range : damage) {
    if (range.offset_bytes >= end) continue;
    spdlog::warn("{}: {} bytes from {} on are no valid record; they are kept",
                 NameIn(folder, info.id), range.length_bytes, range.offset_bytes);
  }
  return end;
}

// Seals the segment, or removes it when it holds no record; `info` tells its new size, 0 when it is
// gone.
absl::Status Recover(const StoreFolder& folder, SegmentInfo& info) {
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, folder.OpenSegment(info.id, false, O_RDWR));
  DRAY_ASSIGN_OR_RETURN(const uint64_t end, FindEnd(folder, fd.get(), info));
  if (end < info.size_bytes) {
    spdlog::warn("{}: a torn tail of {} bytes after {} is cut", NameIn(folder, info.id),
                 info.size_bytes - end, end);
  }
  info.size_bytes = end;
  if (end == 0) return folder.Remove(info.id, false);
  if (::ftruncate(fd.get(), static_cast<off_t>(end)) != 0 || ::fdatasync(fd.get()) != 0) {
    return ErrnoStatus(errno, "cannot cut or sync it");
  }
  info.sealed = true;
  return folder.Seal(info.id);
}

}  // namespace

absl::StatusOr<std::vector<SegmentInfo>> RecoverSegments(const StoreFolder& folder) {
  DRAY_ASSIGN_OR_RETURN(std::vector<SegmentInfo> segments, folder.Segments());
  bool changed = false;
  for (SegmentInfo& info : segments) {
    if (info.sealed) continue;
    if (absl::Status recovered = Recover(folder, info); !recovered.ok()) {
      return WithContext(recovered, absl::StrCat("recovering ", NameIn(folder, info.id)));
    }
    changed = true;
  }
  if (changed) DRAY_RETURN_IF_ERROR(folder.Sync());
  std::erase_if(segments, [](const SegmentInfo& info) { return !info.sealed; });
  return segments;
}

}  // namespace dray
