#include "core/database/database.h"

#include <sqlite3.h>

#include "core/base/path.h"
#include "core/database/row_checksum.h"

namespace dray {
namespace {

// Reads go through the page cache of the system; what is dirty in a transaction stays in SQLite's
// own until the commit.
constexpr char kCommonPragmas[] = "PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF;";
// A checkpoint every 16 MiB of log: pages that are changed often are written once for many commits.
constexpr char kWriterPragmas[] =
    "PRAGMA mmap_size=1073741824; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
    "wal_autocheckpoint=4096;"
    "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-131072;";
constexpr char kReaderPragmas[] =
    "PRAGMA mmap_size=1073741824; PRAGMA query_only=ON; PRAGMA cache_size=-16384;";
// Not mapped: nothing holds others from cutting the file short.
constexpr char kCachePragmas[] =
    "PRAGMA busy_timeout=1000; PRAGMA mmap_size=0; PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=OFF; PRAGMA cache_size=-4096;";

const char* PragmasFor(Database::Mode mode) {
  switch (mode) {
    case Database::Mode::kReadWrite:
      return kWriterPragmas;
    case Database::Mode::kReadOnly:
      return kReaderPragmas;
    case Database::Mode::kCache:
      return kCachePragmas;
  }
  return "";
}

absl::StatusCode CodeFor(int code) {
  switch (code & 0xFF) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::StatusCode::kPermissionDenied;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_ERROR:
      return absl::StatusCode::kInternal;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

// SQLite counts its memory under one lock, for numbers that nobody asks for. Once in a process,
// before anything else of it.
void KeepNoMemoryStatistics() {
  [[maybe_unused]] static const int done = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

// Without the folders, which are nobody's business but the operator's.
std::string FileNameOf(sqlite3* handle) {
  const char* const file = handle == nullptr ? nullptr : sqlite3_db_filename(handle, "main");
  if (file == nullptr || *file == '\0') return "the database";
  const std::string_view path(file);
  return std::string(path.substr(path.rfind('/') + 1));
}

}  // namespace

absl::Status SqliteStatus(int code, sqlite3* handle) {
  std::string text = absl::StrCat("database: ", sqlite3_errstr(code));
  if (handle != nullptr) absl::StrAppend(&text, " (", sqlite3_errmsg(handle), ")");
  if ((code & 0xFF) == SQLITE_FULL) {
    absl::StrAppend(&text, "; make room on the disk that holds ", FileNameOf(handle));
  }
  return absl::Status(CodeFor(code), text);
}

Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::Bind(int parameter, int64_t value) {
  sqlite3_bind_int64(statement_, parameter, value);
}

void Statement::BindBlob(int parameter, std::string_view value) {
  // A null pointer would bind NULL.
  const char* data = value.data() == nullptr ? "" : value.data();
  sqlite3_bind_blob64(statement_, parameter, data, value.size(), SQLITE_STATIC);
}

void Statement::BindText(int parameter, std::string_view value) {
  const char* data = value.data() == nullptr ? "" : value.data();
  sqlite3_bind_text64(statement_, parameter, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::BindNull(int parameter) { sqlite3_bind_null(statement_, parameter); }

absl::StatusOr<bool> Statement::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return SqliteStatus(sqlite3_extended_errcode(handle_), handle_);
}

absl::Status Statement::Run() {
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, Step());
    if (!row) return absl::OkStatus();
  }
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

int64_t Statement::Integer(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Statement::Blob(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr || size <= 0) return {};
  return {static_cast<const char*>(data), static_cast<size_t>(size)};
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& file, Mode mode) {
  const int access =
      mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  KeepNoMemoryStatistics();
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &handle, access | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  const std::string context = absl::StrCat("cannot open ", EscapeName(file));
  if (code != SQLITE_OK) return WithContext(SqliteStatus(code, handle), context);
  sqlite3_extended_result_codes(handle, 1);
  DRAY_RETURN_IF_ERROR(WithContext(AddRowChecksum(handle), context));
  for (const char* pragmas : {PragmasFor(mode), kCommonPragmas}) {
    if (absl::Status s = database->Execute(pragmas); !s.ok()) return WithContext(s, context);
  }
  return database;
}

Database::~Database() {
  statements_.clear();
  sqlite3_close(handle_);
}

absl::Status Database::Execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return absl::OkStatus();
  return SqliteStatus(sqlite3_extended_errcode(handle_), handle_);
}

absl::StatusOr<Statement*> Database::Prepare(const char* sql) {
  std::unique_ptr<Statement>& cached = statements_[sql];
  if (cached == nullptr) {
    sqlite3_stmt* statement = nullptr;
    const int code =
        sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return WithContext(SqliteStatus(code, handle_), sql);
    cached = std::make_unique<Statement>(handle_, statement);
  }
  return cached.get();
}

absl::StatusOr<int64_t> Database::SelectInteger(const char* sql) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement, Prepare(sql));
  Query query(statement);
  DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
  return row ? query->Integer(0) : 0;
}

bool Database::InTransaction() const { return sqlite3_get_autocommit(handle_) == 0; }

int64_t Database::changed_rows() const { return sqlite3_changes64(handle_); }

}  // namespace dray
