#include "services/delta/catalog/catalog_rebuild.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "core/base/path.h"
#include "services/delta/catalog/catalog_lock.h"
#include "services/delta/catalog/checksums.h"
#include "services/delta/catalog/entry_path.h"
#include "services/delta/catalog/schema.h"

namespace dray::delta {
namespace {

// Rows in one transaction of the new file.
constexpr uint64_t kRowsInCommit = 100'000;

bool Exists(const std::string& file) {
  std::error_code error;
  return std::filesystem::exists(file, error);
}

void RemoveDatabase(const std::string& file) {
  for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((file + suffix).c_str());
}

std::string FolderOf(const std::string& file) {
  const std::string folder = std::filesystem::path(file).parent_path().string();
  return folder.empty() ? "." : folder;
}

absl::Status Damaged(const absl::Status& status, const std::string& what) {
  return WithContext(
      status, absl::StrCat("the catalog's ", what,
                           " cannot be read, and segments do not hold them; restore the catalog "
                           "from a backup, then rebuild that"));
}

// Those that refuse a node or a version because of what it stands on.
bool IsAboutContent(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status);
}

}  // namespace

CatalogRebuild::CatalogRebuild(std::string file, UniqueFd lock)
    : file_(std::move(file)), new_file_(file_ + ".rebuilding"), lock_(std::move(lock)) {}

CatalogRebuild::~CatalogRebuild() {
  access_.reset();
  database_.reset();
  RemoveDatabase(new_file_);
}

absl::StatusOr<std::unique_ptr<CatalogRebuild>> CatalogRebuild::Start(const std::string& file) {
  DRAY_RETURN_IF_ERROR(MakeFolders(FolderOf(file)));
  DRAY_ASSIGN_OR_RETURN(UniqueFd lock, LockCatalog(file));
  std::unique_ptr<CatalogRebuild> rebuild(new CatalogRebuild(file, std::move(lock)));
  DRAY_RETURN_IF_ERROR(rebuild->OpenNew());
  if (Exists(file)) DRAY_RETURN_IF_ERROR(rebuild->AttachOld());
  DRAY_RETURN_IF_ERROR(rebuild->database_->Execute("BEGIN"));
  return rebuild;
}

absl::Status CatalogRebuild::OpenNew() {
  RemoveDatabase(new_file_);
  DRAY_RETURN_IF_ERROR(OpenFile(new_file_, O_RDWR | O_CREAT | O_EXCL, 0600).status());
  DRAY_ASSIGN_OR_RETURN(database_, Database::Open(new_file_, Database::Mode::kReadWrite));
  access_ = std::make_unique<SqliteAccess>(database_.get());
  return Migrate(*database_, NewestSchema());
}

absl::Status CatalogRebuild::AttachOld() {
  {
    // Brings it to this schema, and what its log holds into the file.
    DRAY_ASSIGN_OR_RETURN(auto old, Database::Open(file_, Database::Mode::kReadWrite));
    DRAY_RETURN_IF_ERROR(WithContext(Migrate(*old, NewestSchema()), EscapeName(file_)));
  }
  DRAY_ASSIGN_OR_RETURN(Statement * attach, database_->Prepare("ATTACH DATABASE ?1 AS old"));
  Query query(attach);
  query->BindText(1, file_);
  DRAY_RETURN_IF_ERROR(query->Run());
  has_old_ = true;
  return absl::OkStatus();
}

absl::Status CatalogRebuild::AddChunk(const StoredChunk& chunk) {
  DRAY_RETURN_IF_ERROR(access_->AddChunk(chunk));
  if (database_->changed_rows() != 0) ++report_.chunks;
  if (++uncommitted_ < kRowsInCommit) return absl::OkStatus();
  uncommitted_ = 0;
  return database_->Execute("COMMIT; BEGIN");
}

absl::StatusOr<CatalogRebuild::Report> CatalogRebuild::Finish() {
  if (has_old_) {
    DRAY_RETURN_IF_ERROR(CopyNames());
    DRAY_RETURN_IF_ERROR(SealNames());
    DRAY_RETURN_IF_ERROR(ForgetDamagedRetentions());
    DRAY_RETURN_IF_ERROR(AddNodes());
    DRAY_RETURN_IF_ERROR(CountRoots());
  }
  DRAY_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  access_.reset();
  database_.reset();  // closes both files, and leaves no log beside them
  DRAY_RETURN_IF_ERROR(Replace());
  return std::move(report_);
}

absl::Status CatalogRebuild::CopyNames() {
  std::vector<std::string> tables;
  {
    DRAY_ASSIGN_OR_RETURN(
        Statement * statement,
        database_->Prepare(
            "SELECT name FROM main.sqlite_master WHERE type='table' AND name NOT IN "
            "('chunks', 'nodes', 'encodings', 'segments', 'deleted') AND name NOT LIKE 'sqlite%'"));
    Query query(statement);
    while (true) {
      DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
      if (!row) break;
      tables.emplace_back(query->Blob(0));
    }
  }
  for (const std::string& table : tables) {
    const std::string copy = absl::StrCat("DELETE FROM main.", table, "; INSERT INTO main.", table,
                                          " SELECT * FROM old.", table);
    const absl::Status copied = database_->Execute(copy.c_str());
    if (!copied.ok()) return Damaged(copied, table);
  }
  return absl::OkStatus();
}

absl::Status CatalogRebuild::SealNames() {
  // `sql` selects an entry, and where need be a version's number; `what` is said of it.
  const auto tell = [this](const char* sql, bool versions, const char* what) -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(Statement * statement, database_->Prepare(sql));
    Query query(statement);
    while (true) {
      DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
      if (!row) return absl::OkStatus();
      const std::string entry = DescribeEntry(*database_, query->Integer(0));
      report_.damaged_records.push_back(absl::StrCat(
          versions ? absl::StrCat("version ", query->Integer(1), " of ") : "", entry, ": ", what));
    }
  };
  DRAY_RETURN_IF_ERROR(tell("SELECT id FROM main.entries WHERE checksum<>" DRAY_ENTRY_CHECKSUM,
                            false, "its name or its folder may be wrong"));
  DRAY_RETURN_IF_ERROR(
      tell("SELECT entry, number FROM main.versions WHERE checksum<>" DRAY_VERSION_CHECKSUM, true,
           "its mode, time, size or link target may be wrong"));
  DRAY_RETURN_IF_ERROR(tell("SELECT entry FROM main.places WHERE checksum<>" DRAY_PLACE_CHECKSUM,
                            false, "what it was called before it was moved is forgotten"));
  return database_->Execute("DELETE FROM main.places WHERE checksum<>" DRAY_PLACE_CHECKSUM
                            "; UPDATE main.entries SET checksum=" DRAY_ENTRY_CHECKSUM
                            " WHERE checksum<>" DRAY_ENTRY_CHECKSUM
                            "; UPDATE main.versions SET checksum=" DRAY_VERSION_CHECKSUM
                            " WHERE checksum<>" DRAY_VERSION_CHECKSUM);
}

absl::Status CatalogRebuild::ForgetDamagedRetentions() {
  {
    DRAY_ASSIGN_OR_RETURN(Statement * statement,
                          database_->Prepare("SELECT prefix FROM main.retentions "
                                             "WHERE checksum<>" DRAY_RETENTION_CHECKSUM));
    Query query(statement);
    while (true) {
      DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
      if (!row) break;
      report_.damaged_records.push_back(
          absl::StrCat("the retention of :/", EscapeName(query->Blob(0)),
                       ": it is forgotten; set it again (dray retention)"));
    }
  }
  return database_->Execute("DELETE FROM main.retentions WHERE checksum<>" DRAY_RETENTION_CHECKSUM);
}

absl::Status CatalogRebuild::AddNodes() {
  auto rows = database_->SelectInteger("SELECT max(num) FROM old.nodes");
  if (!rows.ok()) rows = database_->SelectInteger("SELECT max(node) FROM old.encodings");
  if (!rows.ok()) return Damaged(rows.status(), "nodes");
  // Children first. What a node's level is, its encoding says; its row may be damaged.
  int top = 0;
  for (int level = 0; level <= top; ++level) {
    DRAY_RETURN_IF_ERROR(AddNodesOfLevel(level, *rows, &top));
  }
  return absl::OkStatus();
}

absl::Status CatalogRebuild::AddNodesOfLevel(int level, int64_t rows, int* top) {
  for (int64_t row = 1; row <= rows; ++row) {
    const std::string encoding = OldEncoding(row);
    const absl::StatusOr<Node> node = DecodeNode(AsBytes(encoding));
    if (!node.ok()) {
      if (level == 0) ++report_.lost_nodes;
      continue;
    }
    *top = std::max(*top, node->level);
    if (node->level != level) continue;
    const absl::Status added = access_->Nested(
        [&] { return access_->AddNode(IdOfNode(AsBytes(encoding)), *node, encoding); });
    if (added.ok()) {
      ++report_.nodes;
    } else if (IsAboutContent(added)) {
      ++report_.lost_nodes;
    } else {
      return added;
    }
  }
  return absl::OkStatus();
}

std::string CatalogRebuild::OldEncoding(int64_t row) {
  const auto statement = database_->Prepare("SELECT encoding FROM old.encodings WHERE node=?1");
  if (!statement.ok()) return "";
  Query query(*statement);
  query->Bind(1, row);
  const bool found = query->Step().value_or(false);
  return found ? std::string(query->Blob(0)) : "";
}

absl::Status CatalogRebuild::CountRoots() {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_->Prepare("SELECT entry, number, root, size FROM main.versions"));
  Query query(statement);
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return absl::OkStatus();
    ++report_.versions;
    if (query->IsNull(2)) continue;
    const auto root = Root::FromBytes(query->Blob(2));
    if (!root) return Damaged(absl::DataLossError("a root has 32 bytes"), "versions");
    const int64_t size = query->Integer(3);
    const absl::Status referred = access_->ReferToRoot(*root, static_cast<uint64_t>(size));
    if (referred.ok()) continue;
    if (!IsAboutContent(referred)) return referred;
    DRAY_RETURN_IF_ERROR(KeepPlace(*root, size));
    report_.lost_versions.push_back(absl::StrCat("version ", query->Integer(1), " of ",
                                                 DescribeEntry(*database_, query->Integer(0))));
  }
}

absl::Status CatalogRebuild::KeepPlace(const Root& root, int64_t size) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_->Prepare("INSERT INTO main.nodes(id, level, length, refs) "
                                           "VALUES(?1, -1, ?2, 1) "
                                           "ON CONFLICT(id) DO UPDATE SET refs=refs+1"));
  Query query(statement);
  query->BindBlob(1, root.view());
  query->Bind(2, size);
  return query->Run();
}

absl::Status CatalogRebuild::Replace() {
  std::error_code error;
  for (const std::string& file : {file_, new_file_}) {
    const std::string log = file + "-wal";
    if (Exists(log) && std::filesystem::file_size(log, error) != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(EscapeName(log), " is in use; end what reads the catalog, and try again"));
    }
  }
  if (has_old_) {
    report_.old_file = file_ + ".before-rebuild";
    for (int n = 2; Exists(report_.old_file); ++n) {
      report_.old_file = absl::StrCat(file_, ".before-rebuild-", n);
    }
    if (::link(file_.c_str(), report_.old_file.c_str()) != 0) {
      return ErrnoStatus(errno, absl::StrCat("cannot keep ", EscapeName(file_)));
    }
  }
  if (::rename(new_file_.c_str(), file_.c_str()) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot replace ", EscapeName(file_)));
  }
  return SyncFolder(FolderOf(file_));
}

}  // namespace dray::delta
