#ifndef DRAY_SERVICES_DELTA_CATALOG_SQLITE_ACCESS_H_
#define DRAY_SERVICES_DELTA_CATALOG_SQLITE_ACCESS_H_

#include "core/database/database.h"
#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// What one connection can do. A read-only one is given away as a CatalogView, the writer's as a
// CatalogTransaction. Opens and ends no transaction itself. Not thread-safe; `database` outlives
// it. Contents (chunks, nodes) are in contents.cc, names and versions in names.cc, what was there
// at a time in past.cc, block lists and MD5s in derived.cc, what is no longer kept in retention.cc,
// what collects garbage in collection.cc.
class SqliteAccess final : public CatalogTransaction {
 public:
  explicit SqliteAccess(Database* database) : database_(*database) {}

  absl::StatusOr<std::optional<StoredChunk>> FindChunk(const ChunkId& id) override;
  absl::StatusOr<std::optional<StoredChunk>> FindChunkBefore(const ChunkId& id) override;
  absl::StatusOr<std::optional<StoredChunk>> FindChunkAfter(const ChunkId& id) override;
  absl::StatusOr<std::optional<NodeFacts>> FindNode(const NodeId& id) override;
  absl::StatusOr<Node> ReadNode(const NodeId& id) override;
  absl::StatusOr<std::optional<EntryRecord>> FindEntry(EntryId parent,
                                                       std::string_view name) override;
  absl::StatusOr<std::optional<EntryRecord>> FindEntry(EntryId id) override;
  absl::Status VisitChildren(EntryId parent, std::string_view after,
                             absl::FunctionRef<bool(EntryRecord)> visit) override;
  absl::StatusOr<std::optional<VersionRecord>> FindVersion(EntryId entry, uint64_t number) override;
  absl::StatusOr<std::optional<VersionRecord>> FindVersionAt(EntryId entry, int64_t at_ns) override;
  absl::StatusOr<std::optional<EntryRecord>> FindEntryAt(EntryId parent, std::string_view name,
                                                         int64_t at_ns) override;
  absl::Status VisitChildrenAt(EntryId parent, std::string_view after, int64_t at_ns,
                               absl::FunctionRef<bool(EntryRecord)> visit) override;
  absl::Status VisitVersions(EntryId entry, uint64_t before,
                             absl::FunctionRef<bool(VersionRecord)> visit) override;
  absl::StatusOr<std::optional<OperationRecord>> FindOperation(
      std::string_view operation_id) override;
  absl::StatusOr<std::optional<OperationRecord>> FindOperation(std::string_view operation_id,
                                                               EntryId entry) override;
  absl::StatusOr<std::vector<SegmentUse>> ReadSegmentUses(SegmentId after, size_t limit) override;
  absl::StatusOr<std::vector<CondemnedRow>> FindCondemned(Garbage kind, int64_t after,
                                                          size_t limit) override;
  absl::StatusOr<int64_t> VisitNodes(int64_t from,
                                     absl::FunctionRef<void(const Node&)> visit) override;
  absl::StatusOr<bool> VisitRoots(VersionName* after,
                                  absl::FunctionRef<void(const Root&)> visit) override;
  absl::StatusOr<bool> HasBlockList(const Root& root, uint32_t block_bytes) override;
  absl::StatusOr<std::string> ReadBlockPiece(const Root& root, uint32_t block_bytes,
                                             uint64_t piece) override;
  absl::StatusOr<std::vector<VersionName>> FindWithoutMd5(std::string_view after,
                                                          size_t limit) override;
  absl::StatusOr<std::vector<Retention>> FindRetentions() override;
  absl::StatusOr<EntriesWithPast> FindWithPast(EntryId before, size_t limit) override;
  absl::StatusOr<std::optional<VersionRecord>> FindVersionAfter(EntryId entry,
                                                                uint64_t after) override;

  absl::Status AddChunk(const StoredChunk& chunk) override;
  absl::Status AddNode(const NodeId& id, const Node& node, std::string_view encoding) override;
  absl::StatusOr<EntryId> AddEntry(EntryId parent, std::string_view name) override;
  absl::Status MoveEntry(EntryId entry, EntryId new_parent, std::string_view new_name,
                         int64_t now_ns) override;
  absl::Status AddVersion(EntryId entry, const VersionRecord& version) override;
  absl::Status RecordOperation(std::string_view operation_id, const OperationRecord& record,
                               int64_t now_ns) override;
  absl::Status ForgetOperations(int64_t before_ns, int limit) override;
  absl::Status AddBlockPiece(const Root& root, uint32_t block_bytes, uint64_t piece,
                             std::string_view hashes, bool last) override;
  absl::Status SetMd5(const Root& root, std::string_view md5) override;
  absl::StatusOr<Swept> Condemn(Garbage kind, int64_t from) override;
  absl::StatusOr<Swept> DeleteCondemned(Garbage kind) override;
  absl::StatusOr<bool> SetAside(Garbage kind, int64_t row) override;
  absl::StatusOr<bool> MoveChunk(const StoredChunk& from, SegmentId segment,
                                 uint64_t offset) override;
  absl::StatusOr<bool> RetireSegment(SegmentId id) override;
  absl::Status SetRetention(const Retention& retention) override;
  absl::Status RemoveRetention(std::string_view prefix) override;
  absl::Status DropVersion(EntryId entry, uint64_t number) override;
  absl::StatusOr<bool> RemoveEntry(EntryId entry) override;
  // Within it, a statement that SQLite may have to undo by itself (INSERT ... SELECT, OR REPLACE,
  // RETURNING) costs time in proportion to all that the nested part has changed (memjrnlTruncate in
  // SQLite's memjournal.c): what runs for each file inserts single rows, with ON CONFLICT where
  // need be.
  absl::Status Nested(absl::FunctionRef<absl::Status()> part) override;

  // Counts a version on its root. FAILED_PRECONDITION unless that exists and is as long.
  absl::Status ReferToRoot(const Root& root, uint64_t size);

 private:
  // The chunk that `select` finds for an id: id, length, segment, offset, stored.
  absl::StatusOr<std::optional<StoredChunk>> SelectChunk(const char* select, const ChunkId& id);
  // True: the node's row is new, or was that of a lost one, and waits for its encoding.
  absl::StatusOr<bool> AddNodeRow(const NodeId& id, const Node& node);
  // Runs an update of one row, which condemns it no longer.
  absl::Status Pardon(const char* update, std::string_view id);
  // A chunk more in a segment. FAILED_PRECONDITION when that was retired.
  absl::Status CountInSegment(SegmentId segment, uint32_t stored_bytes);
  absl::Status UncountInSegment(SegmentId segment, uint32_t stored_bytes);
  absl::StatusOr<Swept> DeleteCondemnedChunks();
  absl::StatusOr<Swept> DeleteCondemnedNodes();
  // False: it is damaged, and left.
  absl::StatusOr<bool> DeleteNode(int64_t row);
  // What max(num) tells of the number of rows is too much by so many more.
  absl::Status CountDeleted(Garbage kind, int64_t rows);
  absl::Status ReferToChunk(const Entry& entry);
  absl::Status ReferToChild(const Entry& entry, int level);
  absl::Status KeepPlace(EntryId entry, int64_t until_ns);
  // Takes back what ReferToRoot() counted.
  absl::Status ForgetRoot(const Root& root);
  // Runs `sql`, which has an entry's id as its first parameter.
  absl::Status RunFor(EntryId entry, const char* sql);

  Database& database_;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_SQLITE_ACCESS_H_
