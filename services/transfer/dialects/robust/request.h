#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_REQUEST_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_REQUEST_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/status.h"

namespace dray::transfer::robust {

inline constexpr size_t kRequestHeadBytes = 4;
inline constexpr size_t kMaxMessageBytes = 1024;

// How long the name is, from the request's first kRequestHeadBytes. INVALID_ARGUMENT for none, and
// for one that no path can have.
absl::StatusOr<size_t> NameLength(const uint8_t* head);

// Whether the file may be asked for by this name: a path, relative, in UTF-8. INVALID_ARGUMENT says
// what is wrong.
absl::Status CheckName(std::string_view name);

// What stands between "OK" and the file's bytes. REQUIRES: `md5` has 16 bytes; CheckName(path).
std::string FileHead(std::string_view path, uint64_t size_bytes, std::string_view md5);

// `message` as it may be sent: UTF-8, at most kMaxMessageBytes, cut between two characters.
std::string ErrorMessage(std::string_view message);

}  // namespace dray::transfer::robust

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_REQUEST_H_
