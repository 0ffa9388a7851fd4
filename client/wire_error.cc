#include "client/wire_error.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/path.h"

namespace dray {
namespace {

// Holds the milliseconds to wait; its presence says that the server invites a retry.
constexpr char kRetryPayload[] = "dray/retry-after-ms";
constexpr char kConnectionPayload[] = "dray/connection";
constexpr size_t kMaxConnectionIdBytes = 64;

// More of a message than this is not for people.
constexpr size_t kMaxMessageBytes = 2000;

// What a terminal would take for a command is escaped; names in it are escaped already, so their
// backslashes stay.
std::string FitForText(absl::string_view message) {
  std::vector<std::string> parts;
  for (absl::string_view part : absl::StrSplit(message.substr(0, kMaxMessageBytes), '\\')) {
    parts.push_back(EscapeName({part.data(), part.size()}));
  }
  return absl::StrJoin(parts, "\\");
}

}  // namespace

absl::Status StatusFromWire(const wire::v1::Error& error) {
  // An error is never OK, whatever number a peer sends.
  const bool canonical = error.code() > 0 && error.code() <= 16;
  const auto code =
      canonical ? static_cast<absl::StatusCode>(error.code()) : absl::StatusCode::kUnknown;
  absl::Status status(
      code, error.message().empty() ? "the server gave no reason" : FitForText(error.message()));
  if (error.retry()) {
    status.SetPayload(kRetryPayload, absl::Cord(absl::StrCat(error.retry_after_ms())));
  }
  if (IsPlainId(error.connection_id())) {
    status.SetPayload(kConnectionPayload, absl::Cord(error.connection_id()));
  }
  return status;
}

bool IsPlainId(const std::string& id) {
  return !id.empty() && id.size() <= kMaxConnectionIdBytes &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-';
         });
}

std::string ConnectionIdOf(const absl::Status& status) {
  return std::string(status.GetPayload(kConnectionPayload).value_or(absl::Cord()));
}

bool MayRetry(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kResourceExhausted) return RetryAfter(status).has_value();
  return IsRetryable(status);
}

std::optional<absl::Duration> RetryAfter(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryPayload);
  uint32_t milliseconds = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &milliseconds)) return std::nullopt;
  return absl::Milliseconds(milliseconds);
}

}  // namespace dray
