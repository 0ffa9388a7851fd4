#ifndef DRAY_CORE_DATABASE_DATABASE_H_
#define DRAY_CORE_DATABASE_DATABASE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/base/bytes.h"
#include "core/base/status.h"

struct sqlite3;
struct sqlite3_stmt;

// SQLite with statuses instead of codes, and with statements that are prepared once.
namespace dray {

// A prepared statement. Not thread-safe; owned by its Database.
class Statement {
 public:
  Statement(sqlite3* handle, sqlite3_stmt* statement) : handle_(handle), statement_(statement) {}
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Values of the parameters, counted from 1. Text and blobs must live until the statement is
  // reset.
  void Bind(int parameter, int64_t value);
  void BindBlob(int parameter, std::string_view value);
  void BindText(int parameter, std::string_view value);
  void BindNull(int parameter);

  // True: there is a row. False: done.
  absl::StatusOr<bool> Step();
  // Runs it to its end.
  absl::Status Run();
  void Reset();

  // Values of the row, counted from 0. Views live until the next Step() or Reset().
  int64_t Integer(int column) const;
  std::string_view Blob(int column) const;
  bool IsNull(int column) const;

 private:
  sqlite3* handle_;
  sqlite3_stmt* statement_;
};

// The use of a statement: resets it at the end, so that it holds neither a row nor a binding.
class Query {
 public:
  explicit Query(Statement* statement) : statement_(statement) {}
  ~Query() { statement_->Reset(); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  Statement* operator->() { return statement_; }

 private:
  Statement* statement_;
};

// One connection to a database file, with the SQL function row_checksum (row_checksum.h). Not
// thread-safe.
class Database {
 public:
  // kReadWrite makes the file if need be, and sets write-ahead logging with a sync at each commit.
  // kCache makes it too and never syncs: after a power cut its contents may be damaged, also where
  // SQLite does not see it. It waits up to a second for other processes.
  enum class Mode { kReadWrite, kReadOnly, kCache };

  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& file, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs SQL without parameters or results; may be several statements.
  absl::Status Execute(const char* sql);

  // The statement for `sql`, a literal whose address is its key; prepared at first use.
  absl::StatusOr<Statement*> Prepare(const char* sql);

  // The one integer that `sql` selects.
  absl::StatusOr<int64_t> SelectInteger(const char* sql);

  // Whether BEGIN was run and neither COMMIT nor ROLLBACK was; SQLite rolls back by itself after
  // some errors.
  bool InTransaction() const;
  // Rows changed by the last statement.
  int64_t changed_rows() const;

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}

  sqlite3* handle_;
  absl::flat_hash_map<const void*, std::unique_ptr<Statement>> statements_;
};

// The status for a code of SQLite's: "database: what SQLite says".
absl::Status SqliteStatus(int code, sqlite3* handle);

}  // namespace dray

#endif  // DRAY_CORE_DATABASE_DATABASE_H_
