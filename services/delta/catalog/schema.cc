#include "services/delta/catalog/schema.h"

#include <iterator>

namespace dray::delta {
namespace {

// Rows of chunks and nodes are numbered in the order in which they came, with the id in an index:
// what belongs together lies together, so counting references of neighbours, and reading them in
// file order, touches few pages. Encodings stand apart, because counts change and they do not.
// kind: 1 file, 2 folder, 3 symbolic link, 4 deleted. Entry 1 is the top.
constexpr char kTables[] = R"sql(
CREATE TABLE chunks(
  num INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK(length(id) = 32),
  length INTEGER NOT NULL CHECK(length > 0),
  segment INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  stored INTEGER NOT NULL,
  refs INTEGER NOT NULL DEFAULT 0 CHECK(refs >= 0));
CREATE TABLE nodes(
  num INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK(length(id) = 32),
  level INTEGER NOT NULL,
  length INTEGER NOT NULL,
  refs INTEGER NOT NULL DEFAULT 0 CHECK(refs >= 0));
CREATE TABLE encodings(
  node INTEGER PRIMARY KEY,
  encoding BLOB NOT NULL);
CREATE TABLE entries(
  id INTEGER PRIMARY KEY,
  parent INTEGER NOT NULL,
  name BLOB NOT NULL,
  head INTEGER NOT NULL,
  UNIQUE(parent, name));
CREATE TABLE versions(
  entry INTEGER NOT NULL,
  number INTEGER NOT NULL,
  kind INTEGER NOT NULL CHECK(kind BETWEEN 1 AND 4),
  root BLOB CHECK((root IS NOT NULL) = (kind = 1)),
  size INTEGER NOT NULL,
  mode INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  author TEXT NOT NULL,
  committed_ns INTEGER NOT NULL,
  symlink_target BLOB NOT NULL,
  md5 BLOB NOT NULL,
  change INTEGER NOT NULL,
  PRIMARY KEY(entry, number)) WITHOUT ROWID;
INSERT INTO entries(id, parent, name, head) VALUES(1, 0, x'', 1);
INSERT INTO versions VALUES(1, 1, 2, NULL, 0, 493, 0, '', 0, x'', x'', 0);
)sql";

// Requests remembered by their ids, so that a repeated one is the same one; forgotten by age. One
// id may cover a batch of entries.
constexpr char kOperations[] = R"sql(
CREATE TABLE operations(
  id BLOB NOT NULL,
  entry INTEGER NOT NULL,
  number INTEGER NOT NULL,
  entries INTEGER NOT NULL,
  recorded_ns INTEGER NOT NULL,
  PRIMARY KEY(id, entry)) WITHOUT ROWID;
CREATE INDEX operations_by_time ON operations(recorded_ns);
)sql";

// What is derived from files' contents, once, and kept: the lists of hashes of their blocks, in
// pieces, and an index of the versions that have no MD5 yet. A list's row exists only if all its
// pieces do.
constexpr char kBlocksAndMd5s[] = R"sql(
CREATE TABLE block_pieces(
  root BLOB NOT NULL,
  block_bytes INTEGER NOT NULL,
  piece INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  UNIQUE(root, block_bytes, piece));
CREATE TABLE block_lists(
  root BLOB NOT NULL,
  block_bytes INTEGER NOT NULL,
  PRIMARY KEY(root, block_bytes)) WITHOUT ROWID;
CREATE INDEX versions_without_md5 ON versions(root) WHERE kind=1 AND md5=x'';
)sql";

// Bytes that change on the disk where no id and no record's checksum covers them. See checksums.h.
constexpr char kChecksums[] =
    "ALTER TABLE entries ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE versions ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;"
    "UPDATE entries SET checksum=row_checksum(id, parent, name, head);"
    "UPDATE versions SET checksum=row_checksum(entry, number, kind, root, size, mode, mtime_ns, "
    "author, committed_ns, symlink_target, md5, change);";

// Where entries lay before they were moved, from when (0: always) until when; an entry's place now
// is in `entries`, since the last of these ended.
constexpr char kPlaces[] = R"sql(
CREATE TABLE places(
  parent INTEGER NOT NULL,
  name BLOB NOT NULL,
  until_ns INTEGER NOT NULL,
  entry INTEGER NOT NULL,
  from_ns INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY(parent, name, until_ns, entry)) WITHOUT ROWID;
CREATE INDEX places_by_entry ON places(entry, until_ns);
)sql";

// How long versions are kept beneath a path: the newest `keep_last` of them (0: no bound by count),
// and each for `keep_ns` after it was replaced (0: no bound by age).
constexpr char kRetentions[] = R"sql(
CREATE TABLE retentions(
  prefix BLOB PRIMARY KEY,
  keep_last INTEGER NOT NULL,
  keep_ns INTEGER NOT NULL,
  checksum INTEGER NOT NULL) WITHOUT ROWID;
)sql";

// Collection: chunks and nodes that are to be deleted; what the catalog's chunks take in each
// segment, and whether the segment is no longer to be used; how many rows were deleted.
constexpr char kCollection[] = R"sql(
ALTER TABLE chunks ADD COLUMN condemned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN condemned INTEGER NOT NULL DEFAULT 0;
CREATE TABLE segments(
  id INTEGER PRIMARY KEY,
  chunks INTEGER NOT NULL CHECK(chunks >= 0),
  stored INTEGER NOT NULL CHECK(stored >= 0),
  retired INTEGER NOT NULL DEFAULT 0);
INSERT INTO segments(id, chunks, stored)
  SELECT segment, count(*), sum(stored) FROM chunks GROUP BY segment;
CREATE INDEX condemned_chunks ON chunks(num) WHERE condemned=1;
CREATE INDEX condemned_nodes ON nodes(num) WHERE condemned=1;
CREATE TABLE deleted(chunks INTEGER NOT NULL, nodes INTEGER NOT NULL);
INSERT INTO deleted VALUES(0, 0);
)sql";

// kMigrations[i] leads from schema i to i + 1. A step that was released is never changed.
constexpr const char* kMigrations[] = {kTables, kOperations, kBlocksAndMd5s, kChecksums,
                                       kPlaces, kRetentions, kCollection};

absl::Status RunStep(Database& database, int from) {
  DRAY_RETURN_IF_ERROR(database.Execute("BEGIN IMMEDIATE"));
  absl::Status status = database.Execute(kMigrations[from]);
  if (status.ok()) {
    status = database.Execute(absl::StrCat("PRAGMA user_version=", from + 1).c_str());
  }
  if (status.ok()) status = database.Execute("COMMIT");
  if (!status.ok() && database.InTransaction()) database.Execute("ROLLBACK").IgnoreError();
  return WithContext(status, absl::StrCat("migrating the catalog to schema ", from + 1));
}

}  // namespace

int NewestSchema() { return static_cast<int>(std::size(kMigrations)); }

absl::Status Migrate(Database& database, int target) {
  DRAY_ASSIGN_OR_RETURN(const int64_t current, database.SelectInteger("PRAGMA user_version"));
  if (current < 0 || current > NewestSchema()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the catalog has schema ", current, ", and this program knows up to ",
                     NewestSchema(), "; run the newer dray-delta that wrote it"));
  }
  for (int64_t from = current; from < target; ++from) {
    DRAY_RETURN_IF_ERROR(RunStep(database, static_cast<int>(from)));
  }
  return absl::OkStatus();
}

}  // namespace dray::delta
