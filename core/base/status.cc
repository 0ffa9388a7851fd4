#include "core/base/status.h"

#include <cerrno>
#include <cstring>
#include <system_error>

namespace dray {

absl::Status WithContext(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status told(status.code(), absl::StrCat(absl::string_view(context.data(), context.size()),
                                                ": ", status.message()));
  status.ForEachPayload([&told](absl::string_view type, const absl::Cord& payload) {
    told.SetPayload(type, payload);
  });
  return told;
}

absl::Status ErrnoStatus(int error, std::string_view context) {
  absl::StatusCode code = absl::ErrnoToStatusCode(error);
  // Abseil says UNAVAILABLE or INTERNAL for some that a user can act on.
  if (error == ENOSPC || error == EDQUOT) code = absl::StatusCode::kResourceExhausted;
  return absl::Status(code, absl::StrCat(absl::string_view(context.data(), context.size()), ": ",
                                         std::generic_category().message(error)));
}

bool IsRetryable(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

}  // namespace dray
