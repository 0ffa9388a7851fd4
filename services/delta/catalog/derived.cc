// What is derived from contents once and kept: lists of the hashes of blocks, MD5s.
#include "services/delta/catalog/checksums.h"
#include "services/delta/catalog/sqlite_access.h"

namespace dray::delta {

absl::StatusOr<bool> SqliteAccess::HasBlockList(const Root& root, uint32_t block_bytes) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("SELECT 1 FROM block_lists WHERE root=?1 AND block_bytes=?2"));
  Query query(statement);
  query->BindBlob(1, root.view());
  query->Bind(2, block_bytes);
  return query->Step();
}

absl::StatusOr<std::string> SqliteAccess::ReadBlockPiece(const Root& root, uint32_t block_bytes,
                                                         uint64_t piece) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("SELECT hashes FROM block_pieces "
                                          "WHERE root=?1 AND block_bytes=?2 AND piece=?3"));
  Query query(statement);
  query->BindBlob(1, root.view());
  query->Bind(2, block_bytes);
  query->Bind(3, static_cast<int64_t>(piece));
  DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return std::string();
  return std::string(query->Blob(0));
}

absl::StatusOr<std::vector<VersionName>> SqliteAccess::FindWithoutMd5(std::string_view after,
                                                                      size_t limit) {
  // The index versions_without_md5 serves this, and has these conditions.
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("SELECT entry, number FROM versions WHERE kind=1 AND md5=x'' AND root>?1 "
                        "GROUP BY root ORDER BY root LIMIT ?2"));
  Query query(statement);
  query->BindBlob(1, after);
  query->Bind(2, static_cast<int64_t>(limit));
  std::vector<VersionName> found;
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return found;
    found.push_back({EntryId{query->Integer(0)}, static_cast<uint64_t>(query->Integer(1))});
  }
}

absl::Status SqliteAccess::AddBlockPiece(const Root& root, uint32_t block_bytes, uint64_t piece,
                                         std::string_view hashes, bool last) {
  DRAY_ASSIGN_OR_RETURN(Statement * add,
                        database_.Prepare("INSERT INTO block_pieces(root, block_bytes, piece, "
                                          "hashes) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING"));
  {
    Query query(add);
    query->BindBlob(1, root.view());
    query->Bind(2, block_bytes);
    query->Bind(3, static_cast<int64_t>(piece));
    query->BindBlob(4, hashes);
    DRAY_RETURN_IF_ERROR(query->Run());
  }
  if (!last) return absl::OkStatus();
  DRAY_ASSIGN_OR_RETURN(
      Statement * complete,
      database_.Prepare("INSERT INTO block_lists(root, block_bytes) VALUES(?1, ?2) "
                        "ON CONFLICT DO NOTHING"));
  Query query(complete);
  query->BindBlob(1, root.view());
  query->Bind(2, block_bytes);
  return query->Run();
}

absl::Status SqliteAccess::SetMd5(const Root& root, std::string_view md5) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("UPDATE versions SET md5=?2, checksum=row_checksum(entry, number, kind, "
                        "root, size, mode, mtime_ns, author, committed_ns, symlink_target, ?2, "
                        "change) WHERE root=?1 AND kind=1 AND md5=x'' "
                        "AND checksum=" DRAY_VERSION_CHECKSUM));
  Query query(statement);
  query->BindBlob(1, root.view());
  query->BindBlob(2, md5);
  return query->Run();
}

}  // namespace dray::delta
