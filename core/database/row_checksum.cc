#include "core/database/row_checksum.h"

#include <sqlite3.h>
#include <xxhash.h>

#include <cstdint>
#include <string>

#include "core/base/bytes.h"
#include "core/database/database.h"

namespace dray {
namespace {

void AppendInteger(uint64_t value, std::string* out) {
  uint8_t bytes[sizeof(value)];
  StoreBigEndian<uint64_t>(bytes, value);
  out->append(reinterpret_cast<const char*>(bytes), sizeof(bytes));
}

// Type, length where it varies, value: no two rows have the same bytes.
void AppendValue(sqlite3_value* value, std::string* out) {
  const int type = sqlite3_value_type(value);
  out->push_back(static_cast<char>(type));
  if (type == SQLITE_NULL) return;
  if (type == SQLITE_INTEGER) {
    return AppendInteger(static_cast<uint64_t>(sqlite3_value_int64(value)), out);
  }
  const void* const data = sqlite3_value_blob(value);
  const auto size = static_cast<size_t>(sqlite3_value_bytes(value));
  AppendInteger(size, out);
  if (data != nullptr) out->append(static_cast<const char*>(data), size);
}

void RowChecksum(sqlite3_context* context, int count, sqlite3_value** values) {
  std::string bytes;
  for (int i = 0; i < count; ++i) AppendValue(values[i], &bytes);
  sqlite3_result_int64(context, static_cast<int64_t>(XXH3_64bits(bytes.data(), bytes.size())));
}

}  // namespace

absl::Status AddRowChecksum(sqlite3* handle) {
  const int code =
      sqlite3_create_function_v2(handle, "row_checksum", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                 nullptr, RowChecksum, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : SqliteStatus(code, handle);
}

}  // namespace dray
