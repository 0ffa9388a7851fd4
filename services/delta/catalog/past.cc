// What was there at a time.
#include "services/delta/catalog/checksums.h"
#include "services/delta/catalog/entry_path.h"
#include "services/delta/catalog/sqlite_access.h"

// The entries that lay in folder ?1 at the time ?2 under the names that fit: those that were moved
// since, and those that were not. `names` is a condition on the column `name`. Both halves come in
// the order of an index on (parent, name) and are merged.
#define DRAY_PLACED_AT(names)                                                           \
  "SELECT name, 0 AS still, entry, checksum=" DRAY_PLACE_CHECKSUM                       \
  " FROM places WHERE parent=?1 AND " names                                             \
  " AND until_ns>?2 AND from_ns<=?2 "                                                   \
  "UNION ALL SELECT name, 1, id, checksum=" DRAY_ENTRY_CHECKSUM                         \
  " FROM entries WHERE parent=?1 AND " names                                            \
  " AND NOT EXISTS(SELECT 1 FROM places p WHERE p.entry=entries.id AND p.until_ns>?2) " \
  "ORDER BY 1, 2"

namespace dray::delta {
namespace {

// What the next row of DRAY_PLACED_AT says, without a version; nothing at the end.
absl::StatusOr<std::optional<EntryRecord>> NextPlaced(Database& database, Query& query,
                                                      EntryId parent) {
  DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return std::nullopt;
  const int64_t id = query->Integer(2);
  if (query->Integer(3) == 0) {
    return absl::DataLossError(absl::StrCat("the catalog's record of a name of ",
                                            DescribeEntry(database, id),
                                            " is damaged; `dray-delta check` tells what else is"));
  }
  return EntryRecord{
      .id = EntryId{id}, .parent = parent, .name = std::string(query->Blob(0)), .head = {}};
}

}  // namespace

absl::Status SqliteAccess::KeepPlace(EntryId entry, int64_t until_ns) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare(
          "INSERT INTO places SELECT parent, name, until_ns, entry, from_ns, " DRAY_PLACE_CHECKSUM
          " FROM (SELECT parent, name, "
          "max(?2, from_ns+1) AS until_ns, id AS entry, from_ns FROM (SELECT parent, "
          "name, id, coalesce((SELECT max(until_ns) FROM places WHERE entry=?1), 0) "
          "AS from_ns FROM entries WHERE id=?1))"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(entry));
  query->Bind(2, until_ns);
  return query->Run();
}

absl::StatusOr<std::optional<VersionRecord>> SqliteAccess::FindVersionAt(EntryId entry,
                                                                         int64_t at_ns) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("SELECT number FROM versions WHERE entry=?1 AND committed_ns<=?2 "
                        "ORDER BY number DESC LIMIT 1"));
  uint64_t number = 0;
  {
    Query query(statement);
    query->Bind(1, static_cast<int64_t>(entry));
    query->Bind(2, at_ns);
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return std::nullopt;
    number = static_cast<uint64_t>(query->Integer(0));
  }
  return FindVersion(entry, number);
}

absl::StatusOr<std::optional<EntryRecord>> SqliteAccess::FindEntryAt(EntryId parent,
                                                                     std::string_view name,
                                                                     int64_t at_ns) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement, database_.Prepare(DRAY_PLACED_AT("name=?3")));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(parent));
  query->Bind(2, at_ns);
  query->BindBlob(3, name);
  std::optional<EntryRecord> deleted;
  while (true) {
    DRAY_ASSIGN_OR_RETURN(std::optional<EntryRecord> entry, NextPlaced(database_, query, parent));
    if (!entry) return deleted;
    DRAY_ASSIGN_OR_RETURN(auto version, FindVersionAt(entry->id, at_ns));
    if (!version) continue;
    entry->head = *std::move(version);
    if (!entry->head.deleted()) return entry;
    deleted = std::move(entry);
  }
}

absl::Status SqliteAccess::VisitChildrenAt(EntryId parent, std::string_view after, int64_t at_ns,
                                           absl::FunctionRef<bool(EntryRecord)> visit) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement, database_.Prepare(DRAY_PLACED_AT("name>?3")));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(parent));
  query->Bind(2, at_ns);
  query->BindBlob(3, after);
  std::string told;  // two entries have one name only where the clock jumped back
  while (true) {
    DRAY_ASSIGN_OR_RETURN(std::optional<EntryRecord> entry, NextPlaced(database_, query, parent));
    if (!entry) return absl::OkStatus();
    if (entry->name == told) continue;
    DRAY_ASSIGN_OR_RETURN(auto version, FindVersionAt(entry->id, at_ns));
    if (!version) continue;
    entry->head = *std::move(version);
    if (!entry->head.deleted()) told = entry->name;
    if (!visit(*std::move(entry))) return absl::OkStatus();
  }
}

}  // namespace dray::delta
