// What collects garbage: chunks and nodes that nothing refers to, and segments without chunks.
//
// How many rows there are is max(num) less what `deleted` says. A number that was the greatest is
// given again once its row is gone.
#include <utility>

#include "services/delta/catalog/sqlite_access.h"

namespace dray::delta {
namespace {

// Rows looked at, and rows deleted, in one step.
constexpr int64_t kRowsLookedAt = 16'384;
constexpr int64_t kChunksDeleted = 2'048;
constexpr int64_t kNodesDeleted = 16;  // each refers to 256 others
// Read in one step.
constexpr int64_t kNodesVisited = 512;
constexpr int64_t kVersionsVisited = 8'192;

struct Doomed {
  int64_t row = 0;
  SegmentId segment{0};
  uint32_t stored_bytes = 0;
};

}  // namespace

absl::StatusOr<std::vector<SegmentUse>> SqliteAccess::ReadSegmentUses(SegmentId after,
                                                                      size_t limit) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("SELECT id, chunks, stored FROM segments "
                                          "WHERE id>?1 AND chunks>0 ORDER BY id LIMIT ?2"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(after));
  query->Bind(2, static_cast<int64_t>(limit));
  std::vector<SegmentUse> uses;
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return uses;
    uses.push_back({.id = SegmentId{static_cast<uint64_t>(query->Integer(0))},
                    .chunks = static_cast<uint64_t>(query->Integer(1)),
                    .stored_bytes = static_cast<uint64_t>(query->Integer(2))});
  }
}

absl::Status SqliteAccess::CountInSegment(SegmentId segment, uint32_t stored_bytes) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("INSERT INTO segments(id, chunks, stored) VALUES(?1, 1, ?2) "
                        "ON CONFLICT(id) DO UPDATE SET chunks=chunks+1, stored=stored+?2 "
                        "WHERE retired=0"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(segment));
  query->Bind(2, stored_bytes);
  DRAY_RETURN_IF_ERROR(query->Run());
  if (database_.changed_rows() != 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("segment ", static_cast<uint64_t>(segment),
                                                    " was given up meanwhile; put the file again"));
}

absl::Status SqliteAccess::UncountInSegment(SegmentId segment, uint32_t stored_bytes) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("UPDATE segments SET chunks=chunks-1, stored=stored-?2 "
                                          "WHERE id=?1"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(segment));
  query->Bind(2, stored_bytes);
  return query->Run();
}

absl::StatusOr<Swept> SqliteAccess::Condemn(Garbage kind, int64_t from) {
  const bool chunks = kind == Garbage::kChunks;
  Swept swept;
  {
    DRAY_ASSIGN_OR_RETURN(
        Statement * statement,
        database_.Prepare(chunks ? "UPDATE chunks SET condemned=1 WHERE num>=?1 AND num<?2 "
                                   "AND refs=0 AND condemned=0"
                                 : "UPDATE nodes SET condemned=1 WHERE num>=?1 AND num<?2 "
                                   "AND refs=0 AND condemned=0"));
    Query query(statement);
    query->Bind(1, from);
    query->Bind(2, from + kRowsLookedAt);
    DRAY_RETURN_IF_ERROR(query->Run());
    swept.rows = static_cast<uint64_t>(database_.changed_rows());
  }
  DRAY_ASSIGN_OR_RETURN(const int64_t last,
                        database_.SelectInteger(chunks ? "SELECT ifnull(max(num), 0) FROM chunks"
                                                       : "SELECT ifnull(max(num), 0) FROM nodes"));
  if (from + kRowsLookedAt <= last) swept.next = from + kRowsLookedAt;
  return swept;
}

absl::StatusOr<Swept> SqliteAccess::DeleteCondemned(Garbage kind) {
  const bool chunks = kind == Garbage::kChunks;
  const char* const greatest =
      chunks ? "SELECT ifnull(max(num), 0) FROM chunks" : "SELECT ifnull(max(num), 0) FROM nodes";
  DRAY_ASSIGN_OR_RETURN(const int64_t before, database_.SelectInteger(greatest));
  DRAY_ASSIGN_OR_RETURN(const Swept swept,
                        chunks ? DeleteCondemnedChunks() : DeleteCondemnedNodes());
  DRAY_ASSIGN_OR_RETURN(const int64_t after, database_.SelectInteger(greatest));
  DRAY_RETURN_IF_ERROR(CountDeleted(kind, static_cast<int64_t>(swept.rows) - (before - after)));
  return swept;
}

absl::StatusOr<Swept> SqliteAccess::DeleteCondemnedChunks() {
  std::vector<Doomed> doomed;
  {
    DRAY_ASSIGN_OR_RETURN(
        Statement * statement,
        database_.Prepare("SELECT num, segment, stored FROM chunks WHERE condemned=1 AND refs=0 "
                          "LIMIT ?1"));
    Query query(statement);
    query->Bind(1, kChunksDeleted);
    while (true) {
      DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
      if (!row) break;
      doomed.push_back({query->Integer(0), SegmentId{static_cast<uint64_t>(query->Integer(1))},
                        static_cast<uint32_t>(query->Integer(2))});
    }
  }
  Swept swept;
  for (const Doomed& chunk : doomed) {
    DRAY_ASSIGN_OR_RETURN(Statement * statement,
                          database_.Prepare("DELETE FROM chunks WHERE num=?1"));
    Query query(statement);
    query->Bind(1, chunk.row);
    DRAY_RETURN_IF_ERROR(query->Run());
    DRAY_RETURN_IF_ERROR(UncountInSegment(chunk.segment, chunk.stored_bytes));
    swept.stored_bytes += chunk.stored_bytes;
  }
  swept.rows = doomed.size();
  swept.next = doomed.size() == static_cast<size_t>(kChunksDeleted) ? 1 : 0;
  return swept;
}

absl::StatusOr<Swept> SqliteAccess::DeleteCondemnedNodes() {
  std::vector<int64_t> doomed;
  {
    DRAY_ASSIGN_OR_RETURN(
        Statement * statement,
        database_.Prepare("SELECT num FROM nodes WHERE condemned=1 AND refs=0 LIMIT ?1"));
    Query query(statement);
    query->Bind(1, kNodesDeleted);
    while (true) {
      DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
      if (!row) break;
      doomed.push_back(query->Integer(0));
    }
  }
  uint64_t deleted = 0;
  for (const int64_t row : doomed) {
    DRAY_ASSIGN_OR_RETURN(const bool gone, DeleteNode(row));
    deleted += gone ? 1 : 0;
  }
  return Swept{.rows = deleted,
               .next = doomed.size() == static_cast<size_t>(kNodesDeleted) ? 1 : 0};
}

absl::StatusOr<bool> SqliteAccess::DeleteNode(int64_t row) {
  NodeId id;
  std::optional<Node> node;
  bool damaged = false;
  {
    DRAY_ASSIGN_OR_RETURN(Statement * statement,
                          database_.Prepare("SELECT n.id, e.encoding FROM nodes n LEFT JOIN "
                                            "encodings e ON e.node=n.num WHERE n.num=?1"));
    Query query(statement);
    query->Bind(1, row);
    DRAY_RETURN_IF_ERROR(query->Step().status());
    id = NodeId::FromBytes(query->Blob(0)).value_or(NodeId());
    const Bytes encoding = AsBytes(query->Blob(1));
    if (!encoding.empty()) {  // a lost one counts on nothing
      auto decoded = DecodeNode(encoding);
      damaged = !decoded.ok() || IdOfNode(encoding) != id;
      if (!damaged) node = *std::move(decoded);
    }
  }
  const auto run = [this](const char* sql, const auto& bind) -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(Statement * statement, database_.Prepare(sql));
    Query query(statement);
    bind(query);
    return query->Run();
  };
  if (damaged) {
    // What it counted on nobody knows: it stays, and is not met again.
    DRAY_RETURN_IF_ERROR(SetAside(Garbage::kNodes, row).status());
    return false;
  }
  if (node) {
    const char* const release = node->level == 0 ? "UPDATE chunks SET refs=refs-1 WHERE id=?1"
                                                 : "UPDATE nodes SET refs=refs-1 WHERE id=?1";
    for (const Entry& entry : node->entries) {
      DRAY_RETURN_IF_ERROR(
          run(release, [&](Query& query) { query->BindBlob(1, entry.id.view()); }));
    }
  }
  for (const char* sql :
       {"DELETE FROM encodings WHERE node=?1", "DELETE FROM nodes WHERE num=?1"}) {
    DRAY_RETURN_IF_ERROR(run(sql, [&](Query& query) { query->Bind(1, row); }));
  }
  for (const char* sql :
       {"DELETE FROM block_pieces WHERE root=?1", "DELETE FROM block_lists WHERE root=?1"}) {
    DRAY_RETURN_IF_ERROR(run(sql, [&](Query& query) { query->BindBlob(1, id.view()); }));
  }
  return true;
}

absl::Status SqliteAccess::CountDeleted(Garbage kind, int64_t rows) {
  if (rows == 0) return absl::OkStatus();
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare(kind == Garbage::kChunks ? "UPDATE deleted SET chunks=chunks+?1"
                                                 : "UPDATE deleted SET nodes=nodes+?1"));
  Query query(statement);
  query->Bind(1, rows);
  return query->Run();
}

absl::StatusOr<std::vector<CondemnedRow>> SqliteAccess::FindCondemned(Garbage kind, int64_t after,
                                                                      size_t limit) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare(kind == Garbage::kChunks
                                              ? "SELECT num, id FROM chunks WHERE condemned=1 AND "
                                                "refs=0 AND num>?1 ORDER BY num LIMIT ?2"
                                              : "SELECT num, id FROM nodes WHERE condemned=1 AND "
                                                "refs=0 AND num>?1 ORDER BY num LIMIT ?2"));
  Query query(statement);
  query->Bind(1, after);
  query->Bind(2, static_cast<int64_t>(limit));
  std::vector<CondemnedRow> rows;
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return rows;
    rows.push_back({query->Integer(0), AnyDigest::FromBytes(query->Blob(1)).value_or(AnyDigest())});
  }
}

absl::StatusOr<int64_t> SqliteAccess::VisitNodes(int64_t from,
                                                 absl::FunctionRef<void(const Node&)> visit) {
  {
    DRAY_ASSIGN_OR_RETURN(
        Statement * statement,
        database_.Prepare("SELECT encoding FROM encodings WHERE node>=?1 AND node<?2"));
    Query query(statement);
    query->Bind(1, from);
    query->Bind(2, from + kNodesVisited);
    while (true) {
      DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
      if (!row) break;
      const auto node = DecodeNode(AsBytes(query->Blob(0)));
      if (node.ok()) visit(*node);
    }
  }
  DRAY_ASSIGN_OR_RETURN(const int64_t last,
                        database_.SelectInteger("SELECT ifnull(max(node), 0) FROM encodings"));
  return from + kNodesVisited <= last ? from + kNodesVisited : 0;
}

absl::StatusOr<bool> SqliteAccess::VisitRoots(VersionName* after,
                                              absl::FunctionRef<void(const Root&)> visit) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_.Prepare("SELECT entry, number, root FROM versions "
                                          "WHERE (entry, number)>(?1, ?2) "
                                          "ORDER BY entry, number LIMIT ?3"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(after->entry));
  query->Bind(2, static_cast<int64_t>(after->number));
  query->Bind(3, kVersionsVisited);
  int64_t versions = 0;
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return versions == kVersionsVisited;
    ++versions;
    *after = {EntryId{query->Integer(0)}, static_cast<uint64_t>(query->Integer(1))};
    if (const auto root = Root::FromBytes(query->Blob(2))) visit(*root);
  }
}

absl::StatusOr<bool> SqliteAccess::SetAside(Garbage kind, int64_t row) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare(kind == Garbage::kChunks
                            ? "UPDATE chunks SET condemned=2 WHERE num=?1 AND condemned=1"
                            : "UPDATE nodes SET condemned=2 WHERE num=?1 AND condemned=1"));
  Query query(statement);
  query->Bind(1, row);
  DRAY_RETURN_IF_ERROR(query->Run());
  return database_.changed_rows() != 0;
}

absl::StatusOr<bool> SqliteAccess::MoveChunk(const StoredChunk& from, SegmentId segment,
                                             uint64_t offset) {
  {
    DRAY_ASSIGN_OR_RETURN(Statement * statement,
                          database_.Prepare("UPDATE chunks SET segment=?1, offset=?2 WHERE id=?3 "
                                            "AND segment=?4 AND offset=?5 AND stored=?6"));
    Query query(statement);
    query->Bind(1, static_cast<int64_t>(segment));
    query->Bind(2, static_cast<int64_t>(offset));
    query->BindBlob(3, from.id.view());
    query->Bind(4, static_cast<int64_t>(from.segment));
    query->Bind(5, static_cast<int64_t>(from.offset));
    query->Bind(6, from.stored_bytes);
    DRAY_RETURN_IF_ERROR(query->Run());
    if (database_.changed_rows() == 0) return false;
  }
  DRAY_RETURN_IF_ERROR(UncountInSegment(from.segment, from.stored_bytes));
  DRAY_RETURN_IF_ERROR(CountInSegment(segment, from.stored_bytes));
  return true;
}

absl::StatusOr<bool> SqliteAccess::RetireSegment(SegmentId id) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_.Prepare("INSERT INTO segments(id, chunks, stored, retired) VALUES(?1, 0, 0, 1) "
                        "ON CONFLICT(id) DO UPDATE SET retired=1 WHERE chunks=0"));
  Query query(statement);
  query->Bind(1, static_cast<int64_t>(id));
  DRAY_RETURN_IF_ERROR(query->Run());
  return database_.changed_rows() != 0;
}

}  // namespace dray::delta
