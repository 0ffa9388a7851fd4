#ifndef DRAY_CLIENT_BENEATH_FOLDER_H_
#define DRAY_CLIENT_BENEATH_FOLDER_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/file.h"
#include "core/base/status.h"

namespace dray {

// A folder beneath which everything else is reached: names are relative to it, and no "..",
// absolute name or symbolic link on the way, whoever put it there and when, leads out of it
// (openat2 with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS). Errors name what was asked for, escaped.
// Thread-safe; movable.
class BeneathFolder {
 public:
  // Follows links in `folder` itself: it is the user's choice.
  static absl::StatusOr<BeneathFolder> Open(const std::string& folder);

  // open(2) beneath; "" is the folder itself. O_CLOEXEC is added. FAILED_PRECONDITION where a link
  // is on the way.
  absl::StatusOr<UniqueFd> Open(const std::string& name, int flags, mode_t mode = 0) const;
  // The folder that holds `name`, for the *at calls with the last part of `name`. REQUIRES: `name`
  // is not empty.
  absl::StatusOr<UniqueFd> OpenParent(const std::string& name) const;

  // Makes the folder and those above it that are missing, with mode 0700. An existing folder is
  // opened to its owner (u+rwx).
  absl::Status MakeFolder(const std::string& name) const;
  // Makes or replaces a symbolic link; never a folder. Returns whether anything changed.
  absl::StatusOr<bool> MakeLink(const std::string& name, const std::string& target) const;
  // Sets the mtime of a symbolic link itself.
  absl::Status SetLinkTime(const std::string& name, int64_t mtime_ns) const;

 private:
  explicit BeneathFolder(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

// Nanoseconds since 1970 for futimens(2) and utimensat(2); earlier times are negative.
timespec ToTimespec(int64_t nanos);

// "a/b/c" -> {"a/b", "c"}; "c" -> {"", "c"}.
std::pair<std::string, std::string> SplitLast(const std::string& name);

}  // namespace dray

#endif  // DRAY_CLIENT_BENEATH_FOLDER_H_
