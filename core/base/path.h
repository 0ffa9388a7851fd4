#ifndef DRAY_CORE_BASE_PATH_H_
#define DRAY_CORE_BASE_PATH_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"

namespace dray {

inline constexpr size_t kMaxPathBytes = 4096;
inline constexpr size_t kMaxNameBytes = 255;

// Splits a remote path into its names. A remote path is relative to the realm's top; names are any
// bytes but NUL and
// '/', at most 255 of them, never empty, "." or "..". The empty path is the top itself (no names).
// INVALID_ARGUMENT says what is wrong. The views point into `path`.
absl::StatusOr<std::vector<std::string_view>> SplitRemotePath(std::string_view path);

// Whether `path` is `folder` or lies beneath it; everything lies beneath the top. REQUIRES: both
// are remote paths.
bool IsAtOrBeneath(std::string_view path, std::string_view folder);

// Whether `text` is valid UTF-8 (RFC 3629).
bool IsUtf8(std::string_view text);

// A name made fit for text (JSON, listings, logs): backslash is "\\", control characters and bytes
// that are not valid UTF-8 are "\xHH". UnescapeName takes it back; INVALID_ARGUMENT for an escape
// that is none.
std::string EscapeName(std::string_view name);
absl::StatusOr<std::string> UnescapeName(std::string_view text);

}  // namespace dray

#endif  // DRAY_CORE_BASE_PATH_H_
