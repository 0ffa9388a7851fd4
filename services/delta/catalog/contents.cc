// Chunks and nodes.
#include "services/delta/catalog/sqlite_access.h"

#define DRAY_CHUNK_COLUMNS "id, length, segment, offset, stored, condemned"

namespace dray::delta {

absl::StatusOr<std::optional<StoredChunk>> SqliteAccess::SelectChunk(const char* select,
                                                                     const ChunkId& id) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement, database_.Prepare(select));
  Query query(statement);
  query->BindBlob(1, id.view());
  DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return std::nullopt;
  if (query->Blob(0).size() != kDigestBytes) {
    return absl::DataLossError("the id of a chunk is damaged in the catalog; run dray-delta check");
  }
  return StoredChunk{.id = ChunkId::Load(AsBytes(query->Blob(0)).data()),
                     .length_bytes = static_cast<uint32_t>(query->Integer(1)),
                     .segment = SegmentId{static_cast<uint64_t>(query->Integer(2))},
                     .offset = static_cast<uint64_t>(query->Integer(3)),
                     .stored_bytes = static_cast<uint32_t>(query->Integer(4)),
                     .condemned = query->Integer(5) != 0};
}

absl::StatusOr<std::optional<StoredChunk>> SqliteAccess::FindChunk(const ChunkId& id) {
  return SelectChunk("SELECT " DRAY_CHUNK_COLUMNS " FROM chunks WHERE id=?1", id);
}

absl::StatusOr<std::optional<StoredChunk>> SqliteAccess::FindChunkBefore(const ChunkId& id) {
  return SelectChunk("SELECT " DRAY_CHUNK_COLUMNS
                     " FROM chunks WHERE num=(SELECT num FROM chunks WHERE id=?1)-1",
                     id);
}

absl::StatusOr<std::optional<StoredChunk>> SqliteAccess::FindChunkAfter(const ChunkId& id) {
  return SelectChunk("SELECT " DRAY_CHUNK_COLUMNS
                     " FROM chunks WHERE num=(SELECT num FROM chunks WHERE id=?1)+1",
                     id);
}

absl::StatusOr<std::optional<NodeFacts>> SqliteAccess::FindNode(const NodeId& id) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("SELECT level, length, condemned FROM nodes WHERE id=?1 AND level>=0"));
  Query query(statement);
  query->BindBlob(1, id.view());
  DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return std::nullopt;
  return NodeFacts{.level = static_cast<int>(query->Integer(0)),
                   .length_bytes = static_cast<uint64_t>(query->Integer(1)),
                   .condemned = query->Integer(2) != 0};
}

absl::StatusOr<Node> SqliteAccess::ReadNode(const NodeId& id) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("SELECT e.encoding FROM nodes n JOIN encodings e "
                                          "ON e.node=n.num WHERE n.id=?1"));
  Query query(statement);
  query->BindBlob(1, id.view());
  DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
  if (!row) return absl::NotFoundError(absl::StrCat("there is no node ", id.hex()));
  absl::StatusOr<Node> node = DecodeNode(AsBytes(query->Blob(0)));
  if (!node.ok()) {
    return absl::DataLossError(absl::StrCat("node ", id.hex(), " is damaged in the catalog: ",
                                            node.status().message(), "; run dray-delta check"));
  }
  return node;
}

absl::Status SqliteAccess::AddChunk(const StoredChunk& chunk) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("INSERT INTO chunks(id, length, segment, offset, stored) "
                                          "VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(id) DO NOTHING"));
  Query query(statement);
  query->BindBlob(1, chunk.id.view());
  query->Bind(2, chunk.length_bytes);
  query->Bind(3, static_cast<int64_t>(chunk.segment));
  query->Bind(4, static_cast<int64_t>(chunk.offset));
  query->Bind(5, chunk.stored_bytes);
  DRAY_RETURN_IF_ERROR(query->Run());
  if (database_.changed_rows() != 0) return CountInSegment(chunk.segment, chunk.stored_bytes);
  DRAY_ASSIGN_OR_RETURN(const auto known, FindChunk(chunk.id));
  if (known && known->length_bytes == chunk.length_bytes) {
    return known->condemned ? Pardon("UPDATE chunks SET condemned=0 WHERE id=?1", chunk.id.view())
                            : absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("chunk ", chunk.id.hex(), " is said to have ",
                                                 chunk.length_bytes, " bytes; it has ",
                                                 known ? known->length_bytes : 0));
}

absl::Status SqliteAccess::Pardon(const char* update, std::string_view id) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement, database_.Prepare(update));
  Query query(statement);
  query->BindBlob(1, id);
  return query->Run();
}

absl::Status SqliteAccess::ReferToChunk(const Entry& entry) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("UPDATE chunks SET refs=refs+1, condemned=0 WHERE id=?1 AND length=?2"));
  Query query(statement);
  query->BindBlob(1, entry.id.view());
  query->Bind(2, static_cast<int64_t>(entry.length_bytes));
  DRAY_RETURN_IF_ERROR(query->Run());
  if (database_.changed_rows() != 0) return absl::OkStatus();
  DRAY_ASSIGN_OR_RETURN(const auto known, FindChunk(entry.chunk()));
  if (!known) {
    return absl::FailedPreconditionError(
        absl::StrCat("chunk ", entry.id.hex(), " was never stored; put the file again"));
  }
  return absl::InvalidArgumentError(absl::StrCat("a node says that chunk ", entry.id.hex(), " has ",
                                                 entry.length_bytes, " bytes; it has ",
                                                 known->length_bytes));
}

absl::Status SqliteAccess::ReferToChild(const Entry& entry, int level) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("UPDATE nodes SET refs=refs+1, condemned=0 "
                                          "WHERE id=?1 AND length=?2 AND level=?3"));
  Query query(statement);
  query->BindBlob(1, entry.id.view());
  query->Bind(2, static_cast<int64_t>(entry.length_bytes));
  query->Bind(3, level);
  DRAY_RETURN_IF_ERROR(query->Run());
  if (database_.changed_rows() != 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a node names the child ", entry.id.hex(),
                                                 " with ", entry.length_bytes, " bytes at level ",
                                                 level, ", and there is no such node"));
}

absl::StatusOr<bool> SqliteAccess::AddNodeRow(const NodeId& id, const Node& node) {
  // A lost node (its level is below 0) keeps its row, and with it what counts on it.
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("INSERT INTO nodes(id, level, length) VALUES(?1, ?2, ?3) "
                                          "ON CONFLICT(id) DO UPDATE SET level=excluded.level, "
                                          "length=excluded.length WHERE level<0"));
  Query query(statement);
  query->BindBlob(1, id.view());
  query->Bind(2, node.level);
  query->Bind(3, static_cast<int64_t>(node.length_bytes()));
  DRAY_RETURN_IF_ERROR(query->Run());
  return database_.changed_rows() != 0;
}

absl::Status SqliteAccess::AddNode(const NodeId& id, const Node& node, std::string_view encoding) {
  DRAY_ASSIGN_OR_RETURN(const bool added, AddNodeRow(id, node));
  if (!added) {
    return Pardon("UPDATE nodes SET condemned=0 WHERE id=?1 AND condemned<>0", id.view());
  }
  DRAY_ASSIGN_OR_RETURN(Statement * add_encoding,
                        database_.Prepare("INSERT INTO encodings(node, encoding) "
                                          "VALUES((SELECT num FROM nodes WHERE id=?1), ?2)"));
  {
    Query query(add_encoding);
    query->BindBlob(1, id.view());
    query->BindBlob(2, encoding);
    DRAY_RETURN_IF_ERROR(query->Run());
  }
  for (const Entry& entry : node.entries) {
    DRAY_RETURN_IF_ERROR(node.level == 0 ? ReferToChunk(entry)
                                         : ReferToChild(entry, node.level - 1));
  }
  return absl::OkStatus();
}

absl::Status SqliteAccess::ReferToRoot(const Root& root, uint64_t size) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("UPDATE nodes SET refs=refs+1, condemned=0 "
                                          "WHERE id=?1 AND length=?2 AND level>=0"));
  Query query(statement);
  query->BindBlob(1, root.view());
  query->Bind(2, static_cast<int64_t>(size));
  DRAY_RETURN_IF_ERROR(query->Run());
  if (database_.changed_rows() != 0) return absl::OkStatus();
  DRAY_ASSIGN_OR_RETURN(const auto facts, FindNode(root));
  if (!facts) {
    return absl::FailedPreconditionError(
        absl::StrCat("root ", root.hex(), " is not known; put the file again"));
  }
  return absl::FailedPreconditionError(absl::StrCat("size ", size, " was given for root ",
                                                    root.hex(), ", which has ", facts->length_bytes,
                                                    " bytes"));
}

}  // namespace dray::delta
