// Entries, versions and operations.
#include "services/delta/catalog/checksums.h"
#include "services/delta/catalog/entry_path.h"
#include "services/delta/catalog/sqlite_access.h"

#define DRAY_VERSION_COLUMNS                                                         \
  "v.number, v.kind, v.root, v.size, v.mode, v.mtime_ns, v.author, v.committed_ns, " \
  "v.symlink_target, v.md5, v.change, v.entry, v.checksum=" DRAY_VERSION_CHECKSUM
#define DRAY_ENTRY_COLUMNS \
  "e.id, e.parent, e.name, e.checksum=" DRAY_ENTRY_CHECKSUM ", " DRAY_VERSION_COLUMNS
#define DRAY_ENTRY_TABLES "entries e JOIN versions v ON v.entry=e.id AND v.number=e.head"

namespace dray::delta {
namespace {

absl::Status Damaged(Database& database, int64_t entry, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("the catalog's record of ", what, DescribeEntry(database, entry),
                   " is damaged; `dray-delta check` tells what else is, `dray-delta rebuild` keeps "
                   "what is left of it"));
}

absl::StatusOr<VersionRecord> ReadVersion(Database& database, Query& query, int column) {
  if (query->Integer(column + 12) == 0) {
    return Damaged(database, query->Integer(column + 11),
                   absl::StrCat("version ", query->Integer(column), " of "));
  }
  VersionRecord version;
  version.number = static_cast<uint64_t>(query->Integer(column));
  version.metadata.kind = static_cast<EntryKind>(query->Integer(column + 1));
  version.root = Root::FromBytes(query->Blob(column + 2));
  version.metadata.size = static_cast<uint64_t>(query->Integer(column + 3));
  version.metadata.mode = static_cast<uint32_t>(query->Integer(column + 4));
  version.metadata.mtime_ns = query->Integer(column + 5);
  version.author = query->Blob(column + 6);
  version.committed_ns = query->Integer(column + 7);
  version.metadata.symlink_target = query->Blob(column + 8);
  version.md5 = query->Blob(column + 9);
  version.change = ChangeId{static_cast<uint64_t>(query->Integer(column + 10))};
  return version;
}

absl::StatusOr<EntryRecord> ReadEntry(Database& database, Query& query) {
  if (query->Integer(3) == 0) return Damaged(database, query->Integer(0), "the name ");
  DRAY_ASSIGN_OR_RETURN(VersionRecord head, ReadVersion(database, query, 4));
  return EntryRecord{.id = EntryId{query->Integer(0)},
                     .parent = EntryId{query->Integer(1)},
                     .name = std::string(query->Blob(2)),
                     .head = std::move(head)};
}

absl::StatusOr<std::optional<EntryRecord>> OneEntry(Database& database, Query& query) {
  DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return std::nullopt;
  DRAY_ASSIGN_OR_RETURN(EntryRecord entry, ReadEntry(database, query));
  return entry;
}

// Of an update that leaves a damaged row alone.
absl::Status ExpectOneRow(Database& database, Query& update, EntryId entry) {
  DRAY_RETURN_IF_ERROR(update->Run());
  if (database.changed_rows() == 1) return absl::OkStatus();
  return Damaged(database, static_cast<int64_t>(entry), "the name ");
}

absl::StatusOr<std::optional<OperationRecord>> OneOperation(Query& query) {
  DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return std::nullopt;
  return OperationRecord{.entry = EntryId{query->Integer(0)},
                         .number = static_cast<uint64_t>(query->Integer(1)),
                         .entries = static_cast<uint64_t>(query->Integer(2))};
}

}  // namespace

absl::StatusOr<std::optional<EntryRecord>> SqliteAccess::FindEntry(EntryId parent,
                                                                   std::string_view name) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("SELECT " DRAY_ENTRY_COLUMNS " FROM " DRAY_ENTRY_TABLES
                                          " WHERE e.parent=?1 AND e.name=?2"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(parent));
  query->BindBlob(2, name);
  return OneEntry(database_, query);
}

absl::StatusOr<std::optional<EntryRecord>> SqliteAccess::FindEntry(EntryId id) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("SELECT " DRAY_ENTRY_COLUMNS " FROM " DRAY_ENTRY_TABLES " WHERE e.id=?1"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(id));
  return OneEntry(database_, query);
}

absl::Status SqliteAccess::VisitChildren(EntryId parent, std::string_view after,
                                         absl::FunctionRef<bool(EntryRecord)> visit) {
  // CROSS JOIN keeps the order of the loops, and so the index on (parent, name) gives the order of
  // the rows.
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("SELECT " DRAY_ENTRY_COLUMNS " FROM entries e CROSS JOIN versions v "
                        "ON v.entry=e.id AND v.number=e.head "
                        "WHERE e.parent=?1 AND e.name>?2 ORDER BY e.name"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(parent));
  query->BindBlob(2, after);
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return absl::OkStatus();
    DRAY_ASSIGN_OR_RETURN(EntryRecord child, ReadEntry(database_, query));
    if (!visit(std::move(child))) return absl::OkStatus();
  }
}

absl::StatusOr<std::optional<VersionRecord>> SqliteAccess::FindVersion(EntryId entry,
                                                                       uint64_t number) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("SELECT " DRAY_VERSION_COLUMNS " FROM versions v "
                                          "WHERE v.entry=?1 AND v.number=?2"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(entry));
  query->Bind(2, static_cast<int64_t>(number));
  DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return std::nullopt;
  DRAY_ASSIGN_OR_RETURN(VersionRecord version, ReadVersion(database_, query, 0));
  return version;
}

absl::Status SqliteAccess::VisitVersions(EntryId entry, uint64_t before,
                                         absl::FunctionRef<bool(VersionRecord)> visit) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("SELECT " DRAY_VERSION_COLUMNS " FROM versions v "
                        "WHERE v.entry=?1 AND v.number<?2 ORDER BY v.number DESC"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(entry));
  query->Bind(2, static_cast<int64_t>(before));
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return absl::OkStatus();
    DRAY_ASSIGN_OR_RETURN(VersionRecord version, ReadVersion(database_, query, 0));
    if (!visit(std::move(version))) return absl::OkStatus();
  }
}

absl::StatusOr<std::optional<OperationRecord>> SqliteAccess::FindOperation(
    std::string_view operation_id) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("SELECT entry, number, entries FROM operations WHERE id=?1 LIMIT 1"));
  Query query(statement);
  query->BindBlob(1, operation_id);
  return OneOperation(query);
}

absl::StatusOr<std::optional<OperationRecord>> SqliteAccess::FindOperation(
    std::string_view operation_id, EntryId entry) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("SELECT entry, number, entries FROM operations WHERE id=?1 AND entry=?2"));
  Query query(statement);
  query->BindBlob(1, operation_id);
  query->Bind(2, static_cast<int64_t>(entry));
  return OneOperation(query);
}

absl::StatusOr<EntryId> SqliteAccess::AddEntry(EntryId parent, std::string_view name) {
  DRAY_ASSIGN_OR_RETURN(const int64_t id, database_.SelectInteger("SELECT max(id)+1 FROM entries"));
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("INSERT INTO entries VALUES(?1, ?2, ?3, 0, "
                                          "row_checksum(?1, ?2, ?3, 0))"));
  Query query(statement);
  query->Bind(1, id);
  query->Bind(2, static_cast<int64_t>(parent));
  query->BindBlob(3, name);
  DRAY_RETURN_IF_ERROR(query->Run());
  return EntryId{id};
}

absl::Status SqliteAccess::MoveEntry(EntryId entry, EntryId new_parent, std::string_view new_name,
                                     int64_t now_ns) {
  DRAY_RETURN_IF_ERROR(KeepPlace(entry, now_ns));
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("UPDATE entries SET parent=?2, name=?3, "
                                          "checksum=row_checksum(id, ?2, ?3, head) "
                                          "WHERE id=?1 AND checksum=" DRAY_ENTRY_CHECKSUM));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(entry));
  query->Bind(2, static_cast<int64_t>(new_parent));
  query->BindBlob(3, new_name);
  return ExpectOneRow(database_, query, entry);
}

absl::Status SqliteAccess::AddVersion(EntryId entry, const VersionRecord& version) {
  if (version.root) DRAY_RETURN_IF_ERROR(ReferToRoot(*version.root, version.metadata.size));
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("INSERT INTO versions VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, "
                                          "?8, ?9, ?10, ?11, ?12, row_checksum(?1, ?2, ?3, ?4, "
                                          "?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12))"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(entry));
  query->Bind(2, static_cast<int64_t>(version.number));
  query->Bind(3, static_cast<int64_t>(version.metadata.kind));
  if (version.root) query->BindBlob(4, version.root->view());
  query->Bind(5, static_cast<int64_t>(version.metadata.size));
  query->Bind(6, version.metadata.mode);
  query->Bind(7, version.metadata.mtime_ns);
  query->BindText(8, version.author);
  query->Bind(9, version.committed_ns);
  query->BindBlob(10, version.metadata.symlink_target);
  query->BindBlob(11, version.md5);
  query->Bind(12, static_cast<int64_t>(version.change));
  DRAY_RETURN_IF_ERROR(query->Run());
  DRAY_ASSIGN_OR_RETURN(Statement * set_head,
                        database_.Prepare("UPDATE entries SET head=?2, "
                                          "checksum=row_checksum(id, parent, name, ?2) "
                                          "WHERE id=?1 AND checksum=" DRAY_ENTRY_CHECKSUM));
  Query update(set_head);
  update->Bind(1, static_cast<int64_t>(entry));
  update->Bind(2, static_cast<int64_t>(version.number));
  return ExpectOneRow(database_, update, entry);
}

absl::Status SqliteAccess::RecordOperation(std::string_view operation_id,
                                           const OperationRecord& record, int64_t now_ns) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare(
          "INSERT INTO operations VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET "
          "number=excluded.number, entries=excluded.entries, "
          "recorded_ns=excluded.recorded_ns"));
  Query query(statement);
  query->BindBlob(1, operation_id);
  query->Bind(2, static_cast<int64_t>(record.entry));
  query->Bind(3, static_cast<int64_t>(record.number));
  query->Bind(4, static_cast<int64_t>(record.entries));
  query->Bind(5, now_ns);
  return query->Run();
}

absl::Status SqliteAccess::ForgetOperations(int64_t before_ns, int limit) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("DELETE FROM operations WHERE (id, entry) IN (SELECT id, entry "
                        "FROM operations WHERE recorded_ns<?1 ORDER BY recorded_ns LIMIT ?2)"));
  Query query(statement);
  query->Bind(1, before_ns);
  query->Bind(2, limit);
  return query->Run();
}

absl::Status SqliteAccess::Nested(absl::FunctionRef<absl::Status()> part) {
  DRAY_ASSIGN_OR_RETURN(Statement * begin, database_.Prepare("SAVEPOINT part"));
  DRAY_ASSIGN_OR_RETURN(Statement * undo, database_.Prepare("ROLLBACK TO part"));
  DRAY_ASSIGN_OR_RETURN(Statement * end, database_.Prepare("RELEASE part"));
  DRAY_RETURN_IF_ERROR(Query(begin)->Run());
  const absl::Status status = part();
  // After a full disk SQLite may have rolled everything back by itself; then there is no savepoint
  // left to undo.
  if (!database_.InTransaction()) {
    return status.ok() ? absl::UnavailableError("catalog: the transaction was lost; try again")
                       : status;
  }
  if (!status.ok()) DRAY_RETURN_IF_ERROR(Query(undo)->Run());
  DRAY_RETURN_IF_ERROR(Query(end)->Run());
  return status;
}

}  // namespace dray::delta
