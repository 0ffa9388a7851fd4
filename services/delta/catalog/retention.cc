// Rules of retention, and versions and entries that are no longer kept.
#include "core/base/path.h"
#include "services/delta/catalog/checksums.h"
#include "services/delta/catalog/entry_path.h"
#include "services/delta/catalog/sqlite_access.h"

namespace dray::delta {

absl::StatusOr<std::vector<Retention>> SqliteAccess::FindRetentions() {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("SELECT prefix, keep_last, keep_ns, "
                        "checksum=" DRAY_RETENTION_CHECKSUM " FROM retentions ORDER BY prefix"));
  Query query(statement);
  std::vector<Retention> retentions;
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return retentions;
    if (query->Integer(3) == 0) {
      return absl::DataLossError(
          absl::StrCat("the catalog's record of the retention of :/", EscapeName(query->Blob(0)),
                       " is damaged; set it again, or remove it (--forever)"));
    }
    retentions.push_back({.prefix = std::string(query->Blob(0)),
                          .keep_last = static_cast<uint64_t>(query->Integer(1)),
                          .keep_ns = query->Integer(2)});
  }
}

absl::Status SqliteAccess::SetRetention(const Retention& retention) {
  DRAY_ASSIGN_OR_RETURN(Statement * count,
                        database_.Prepare("SELECT count(*) FROM retentions WHERE prefix<>?1"));
  {
    Query query(count);
    query->BindBlob(1, retention.prefix);
    DRAY_RETURN_IF_ERROR(query->Step().status());
    if (query->Integer(0) >= static_cast<int64_t>(kMaxRetentions)) {
      return absl::ResourceExhaustedError(
          absl::StrCat("there are ", kMaxRetentions,
                       " rules of retention, and no more are kept; set one for a folder above "
                       "instead of many beneath it, or remove others"));
    }
  }
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("INSERT INTO retentions VALUES(?1, ?2, ?3, row_checksum(?1, ?2, ?3)) "
                        "ON CONFLICT DO UPDATE SET keep_last=excluded.keep_last, "
                        "keep_ns=excluded.keep_ns, checksum=excluded.checksum"));
  Query query(statement);
  query->BindBlob(1, retention.prefix);
  query->Bind(2, static_cast<int64_t>(retention.keep_last));
  query->Bind(3, retention.keep_ns);
  return query->Run();
}

absl::Status SqliteAccess::RemoveRetention(std::string_view prefix) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("DELETE FROM retentions WHERE prefix=?1"));
  Query query(statement);
  query->BindBlob(1, prefix);
  return query->Run();
}

absl::StatusOr<EntriesWithPast> SqliteAccess::FindWithPast(EntryId before, size_t limit) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare(
          "SELECT id, EXISTS(SELECT 1 FROM versions WHERE entry=id AND number<head) OR "
          "EXISTS(SELECT 1 FROM versions WHERE entry=id AND number=head AND kind=4) "
          "FROM entries WHERE id<?1 ORDER BY id DESC LIMIT ?2"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(before));
  query->Bind(2, static_cast<int64_t>(limit));
  EntriesWithPast found;
  for (size_t looked_at = 0; looked_at < limit; ++looked_at) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) {
      found.next = EntryId{0};
      break;
    }
    found.next = EntryId{query->Integer(0)};
    if (query->Integer(1) != 0) found.entries.push_back(found.next);
  }
  return found;
}

absl::StatusOr<std::optional<VersionRecord>> SqliteAccess::FindVersionAfter(EntryId entry,
                                                                            uint64_t after) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("SELECT number FROM versions WHERE entry=?1 AND "
                                          "number>?2 ORDER BY number LIMIT 1"));
  uint64_t number = 0;
  {
    Query query(statement);
    query->Bind(1, static_cast<int64_t>(entry));
    query->Bind(2, static_cast<int64_t>(after));
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return std::nullopt;
    number = static_cast<uint64_t>(query->Integer(0));
  }
  return FindVersion(entry, number);
}

absl::Status SqliteAccess::RunFor(EntryId entry, const char* sql) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement, database_.Prepare(sql));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(entry));
  return query->Run();
}

absl::Status SqliteAccess::ForgetRoot(const Root& root) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("UPDATE nodes SET refs=refs-1 WHERE id=?1 AND refs>0"));
  Query query(statement);
  query->BindBlob(1, root.view());
  DRAY_RETURN_IF_ERROR(query->Run());
  if (database_.changed_rows() == 1) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("root ", root.hex(),
                                          " is not there, or less is counted on it than stands on "
                                          "it; run dray-delta check"));
}

absl::Status SqliteAccess::DropVersion(EntryId entry, uint64_t number) {
  DRAY_ASSIGN_OR_RETURN(const auto record, FindEntry(entry));
  DRAY_ASSIGN_OR_RETURN(const auto oldest, FindVersionAfter(entry, 0));
  if (!record || !oldest || oldest->number != number || record->head.number == number) {
    return absl::FailedPreconditionError(absl::StrCat(
        "version ", number, " of ", DescribeEntry(database_, static_cast<int64_t>(entry)),
        " is not its oldest, or it is its newest; only the oldest can be dropped"));
  }
  if (oldest->root) DRAY_RETURN_IF_ERROR(ForgetRoot(*oldest->root));
  DRAY_RETURN_IF_ERROR(RunFor(entry,
                              "DELETE FROM versions WHERE entry=?1 AND "
                              "number=(SELECT min(number) FROM versions WHERE entry=?1)"));
  // Where it lay while it had none of the versions that are left, nobody can ask any more.
  return RunFor(entry,
                "DELETE FROM places WHERE entry=?1 AND until_ns<=(SELECT committed_ns FROM "
                "versions WHERE entry=?1 ORDER BY number LIMIT 1)");
}

absl::StatusOr<bool> SqliteAccess::RemoveEntry(EntryId entry) {
  DRAY_ASSIGN_OR_RETURN(const auto record, FindEntry(entry));
  DRAY_ASSIGN_OR_RETURN(const auto oldest, FindVersionAfter(entry, 0));
  if (!record || !oldest || !record->head.deleted() || oldest->number != record->head.number) {
    return absl::FailedPreconditionError(
        absl::StrCat(DescribeEntry(database_, static_cast<int64_t>(entry)),
                     " has more than a deletion; only what has nothing else can be removed"));
  }
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("SELECT ?1=(SELECT max(id) FROM entries) OR "
                                          "EXISTS(SELECT 1 FROM entries WHERE parent=?1) OR "
                                          "EXISTS(SELECT 1 FROM places WHERE parent=?1)"));
  {
    Query query(statement);
    query->Bind(1, static_cast<int64_t>(entry));
    DRAY_RETURN_IF_ERROR(query->Step().status());
    if (query->Integer(0) != 0) return false;
  }
  DRAY_RETURN_IF_ERROR(RunFor(entry, "DELETE FROM places WHERE entry=?1"));
  DRAY_RETURN_IF_ERROR(RunFor(entry, "DELETE FROM versions WHERE entry=?1"));
  DRAY_RETURN_IF_ERROR(RunFor(entry, "DELETE FROM entries WHERE id=?1"));
  return true;
}

}  // namespace dray::delta
