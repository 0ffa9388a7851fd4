#ifndef DRAY_CORE_DATABASE_ROW_CHECKSUM_H_
#define DRAY_CORE_DATABASE_ROW_CHECKSUM_H_

#include "core/base/status.h"

struct sqlite3;

namespace dray {

// Gives a connection the SQL function row_checksum(VALUE, ...): the 64 bits of XXH3 over its
// values, their types and their lengths, as an integer. It finds bytes that changed on the disk,
// not those that somebody changed who wants it unseen.
absl::Status AddRowChecksum(sqlite3* handle);

}  // namespace dray

#endif  // DRAY_CORE_DATABASE_ROW_CHECKSUM_H_
