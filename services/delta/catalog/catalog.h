#ifndef DRAY_SERVICES_DELTA_CATALOG_CATALOG_H_
#define DRAY_SERVICES_DELTA_CATALOG_CATALOG_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/chunking/node.h"
#include "services/delta/catalog/types.h"

// The catalog of one realm: names, versions, nodes and chunk locations.
//
// The invariant: a row exists only if everything beneath it exists. Chunks come first, then nodes
// (children before parents), then versions; each insertion checks what it stands on, in the
// transaction that it is part of.
namespace dray::delta {

// One consistent view of the catalog, alive while the job that was given it runs. Not thread-safe.
// Every call may fail with what the storage beneath reports (UNAVAILABLE, DATA_LOSS).
class CatalogView {
 public:
  virtual ~CatalogView() = default;

  virtual absl::StatusOr<std::optional<StoredChunk>> FindChunk(const ChunkId& id) = 0;
  // The chunk that came into the catalog just before this one, or just after it: mostly its
  // neighbour in the file that brought it.
  virtual absl::StatusOr<std::optional<StoredChunk>> FindChunkBefore(const ChunkId& id) = 0;
  virtual absl::StatusOr<std::optional<StoredChunk>> FindChunkAfter(const ChunkId& id) = 0;
  virtual absl::StatusOr<std::optional<NodeFacts>> FindNode(const NodeId& id) = 0;
  // NOT_FOUND if there is none.
  virtual absl::StatusOr<Node> ReadNode(const NodeId& id) = 0;

  // Entries whose newest version is a deletion are found as well.
  virtual absl::StatusOr<std::optional<EntryRecord>> FindEntry(EntryId parent,
                                                               std::string_view name) = 0;
  virtual absl::StatusOr<std::optional<EntryRecord>> FindEntry(EntryId id) = 0;
  // The entries of a folder whose names are greater than `after` (empty: all), in byte order of
  // their names, until `visit` returns false. `visit` must not use the view.
  virtual absl::Status VisitChildren(EntryId parent, std::string_view after,
                                     absl::FunctionRef<bool(EntryRecord)> visit) = 0;
  virtual absl::StatusOr<std::optional<VersionRecord>> FindVersion(EntryId entry,
                                                                   uint64_t number) = 0;

  // What was there at a time: of versions that were committed then or before, by the names that
  // entries had then. `head` is the newest version of then, which may be a deletion; what has no
  // version as old as that was not there yet, or it is no longer kept. Names that entries had
  // before the catalog kept track of moves are not known: those entries are found by the oldest
  // name that is.
  virtual absl::StatusOr<std::optional<VersionRecord>> FindVersionAt(EntryId entry,
                                                                     int64_t at_ns) = 0;
  virtual absl::StatusOr<std::optional<EntryRecord>> FindEntryAt(EntryId parent,
                                                                 std::string_view name,
                                                                 int64_t at_ns) = 0;
  // As VisitChildren(), with one entry at most for each name.
  virtual absl::Status VisitChildrenAt(EntryId parent, std::string_view after, int64_t at_ns,
                                       absl::FunctionRef<bool(EntryRecord)> visit) = 0;
  // The versions with numbers below `before`, newest first, until `visit` returns false. `visit`
  // must not use the view.
  virtual absl::Status VisitVersions(EntryId entry, uint64_t before,
                                     absl::FunctionRef<bool(VersionRecord)> visit) = 0;

  // What was done under an operation id, to any entry, or to `entry` alone.
  virtual absl::StatusOr<std::optional<OperationRecord>> FindOperation(
      std::string_view operation_id) = 0;
  virtual absl::StatusOr<std::optional<OperationRecord>> FindOperation(
      std::string_view operation_id, EntryId entry) = 0;

  // Uses of the segments with greater ids than `after`, in order of id, at most `limit`. Segments
  // without chunks may be missing.
  virtual absl::StatusOr<std::vector<SegmentUse>> ReadSegmentUses(SegmentId after,
                                                                  size_t limit) = 0;

  // What is condemned and has no references, in rows behind `after`, in order, at most `limit`.
  virtual absl::StatusOr<std::vector<CondemnedRow>> FindCondemned(Garbage kind, int64_t after,
                                                                  size_t limit) = 0;
  // The nodes of some hundred rows from `from` on (1: the first), but for those that are damaged.
  // Returns the row to go on from; 0: that was all.
  virtual absl::StatusOr<int64_t> VisitNodes(int64_t from,
                                             absl::FunctionRef<void(const Node&)> visit) = 0;
  // The roots of some thousand versions behind `after`, which is moved on. False: that was all.
  virtual absl::StatusOr<bool> VisitRoots(VersionName* after,
                                          absl::FunctionRef<void(const Root&)> visit) = 0;

  // Whether the whole list of hashes of a content's blocks is known.
  virtual absl::StatusOr<bool> HasBlockList(const Root& root, uint32_t block_bytes) = 0;
  // A piece of a known list; empty behind its last one.
  virtual absl::StatusOr<std::string> ReadBlockPiece(const Root& root, uint32_t block_bytes,
                                                     uint64_t piece) = 0;
  // One version of each content whose MD5 is not known, in order of the roots greater than `after`
  // (empty: all).
  virtual absl::StatusOr<std::vector<VersionName>> FindWithoutMd5(std::string_view after,
                                                                  size_t limit) = 0;

  // Every rule of retention, in byte order of their prefixes. DATA_LOSS names one that is damaged.
  virtual absl::StatusOr<std::vector<Retention>> FindRetentions() = 0;
  // Looks at the `limit` entries with the greatest ids below `before`, and tells those that have
  // old versions or were deleted.
  virtual absl::StatusOr<EntriesWithPast> FindWithPast(EntryId before, size_t limit) = 0;
  // The version with the least number above `after`.
  virtual absl::StatusOr<std::optional<VersionRecord>> FindVersionAfter(EntryId entry,
                                                                        uint64_t after) = 0;
};

// A view with the changes of the running transaction in it. After an error, all that the operation
// did is undone.
class CatalogTransaction : public CatalogView {
 public:
  // When the chunk is known, the first location told wins, and it is condemned no longer.
  // INVALID_ARGUMENT when it is known with another length, FAILED_PRECONDITION when the segment was
  // retired.
  virtual absl::Status AddChunk(const StoredChunk& chunk) = 0;
  // `encoding` is that of `node`, and `id` its id. When the node is known, it is condemned no
  // longer, and that is all.
  // FAILED_PRECONDITION names a chunk that does not exist; INVALID_ARGUMENT a child that does not
  // exist or has another length or level.
  virtual absl::Status AddNode(const NodeId& id, const Node& node, std::string_view encoding) = 0;

  // A new name. REQUIRES: there is none of that name, `parent` exists, and AddVersion follows.
  virtual absl::StatusOr<EntryId> AddEntry(EntryId parent, std::string_view name) = 0;
  // Gives an entry another name, and keeps what it was called until `now_ns`. REQUIRES: there is no
  // entry of that name.
  virtual absl::Status MoveEntry(EntryId entry, EntryId new_parent, std::string_view new_name,
                                 int64_t now_ns) = 0;
  // Makes `version` the newest of `entry`. FAILED_PRECONDITION unless its root exists and is as
  // long as its size. REQUIRES: its number is one more than that of the version before.
  virtual absl::Status AddVersion(EntryId entry, const VersionRecord& version) = 0;

  virtual absl::Status RecordOperation(std::string_view operation_id, const OperationRecord& record,
                                       int64_t now_ns) = 0;
  // Forgets operations recorded before then, at most `limit` of them.
  virtual absl::Status ForgetOperations(int64_t before_ns, int limit) = 0;

  // The pieces of a list may be added in several transactions; the list is known once its last
  // piece is added, as such. No-op for a piece that is known.
  virtual absl::Status AddBlockPiece(const Root& root, uint32_t block_bytes, uint64_t piece,
                                     std::string_view hashes, bool last) = 0;
  // Gives `md5` (16 bytes) to every version of this content that has none.
  virtual absl::Status SetMd5(const Root& root, std::string_view md5) = 0;

  // Collection, in steps that take some milliseconds each; see services/delta/collection. Condemns
  // what nothing refers to, among some thousand rows from `from` on (1: the first).
  virtual absl::StatusOr<Swept> Condemn(Garbage kind, int64_t from) = 0;
  // Deletes some of what is condemned and still without references; what it referred to itself then
  // has one reference less. REQUIRES: nobody relies on having been told that it is known.
  virtual absl::StatusOr<Swept> DeleteCondemned(Garbage kind) = 0;
  // Has a condemned row left alone by collections. False: it is condemned no longer.
  virtual absl::StatusOr<bool> SetAside(Garbage kind, int64_t row) = 0;
  // Has a chunk lie elsewhere, if it lies where `from` says. Returns whether it did.
  virtual absl::StatusOr<bool> MoveChunk(const StoredChunk& from, SegmentId segment,
                                         uint64_t offset) = 0;
  // No chunk can be added to the segment any more. Returns false, and does nothing, while chunks of
  // the catalog lie in it.
  virtual absl::StatusOr<bool> RetireSegment(SegmentId id) = 0;
  // Replaces the rule of the same prefix, also one that is damaged. RESOURCE_EXHAUSTED when there
  // would be more than kMaxRetentions.
  virtual absl::Status SetRetention(const Retention& retention) = 0;
  // No-op where there is none.
  virtual absl::Status RemoveRetention(std::string_view prefix) = 0;
  // Takes an entry's oldest version away, and what it counted on its root; the numbers of the
  // others stay. FAILED_PRECONDITION for any other version, and for the newest.
  virtual absl::Status DropVersion(EntryId entry, uint64_t number) = 0;
  // Takes an entry away, as if it had never been: false, and nothing is done, while others lie
  // beneath it or lay there before they were moved, and as long as its id is the greatest (no id is
  // given twice). FAILED_PRECONDITION unless a deletion is its only version.
  virtual absl::StatusOr<bool> RemoveEntry(EntryId entry) = 0;

  // Runs `part`; when it fails, undoes what it did, and only that. Returns its status.
  virtual absl::Status Nested(absl::FunctionRef<absl::Status()> part) = 0;
};

// Thread-safe. Jobs run on the catalog's own threads; the threads of callers never wait for a disk.
class Catalog {
 public:
  using ReadJob = std::function<void(CatalogView&)>;
  using WriteJob = std::function<absl::Status(CatalogTransaction&)>;
  using Done = std::function<void(const absl::Status&)>;

  virtual ~Catalog() = default;

  // Runs `job` on a reader thread. It sees everything whose Write() was answered before.
  virtual void Read(ReadJob job) = 0;

  // Runs `job` on the one writer thread, in the order queued, and calls `done` once, from another
  // thread, when all it did is durable or nothing of it is. Many jobs share one commit; when that
  // fails, all of them fail (RESOURCE_EXHAUSTED: the disk is full; UNAVAILABLE).
  virtual void Write(WriteJob job, Done done) = 0;

  // Walks everything and recomputes every reference count. Takes time and memory in proportion to
  // the catalog; blocks.
  virtual absl::StatusOr<ConsistencyReport> CheckConsistency() = 0;

  virtual CatalogCounts Counts() = 0;
};

// Read() and Write() that wait. Not for the threads of an event loop, nor for the catalog's own.
void ReadAndWait(Catalog& catalog, absl::FunctionRef<void(CatalogView&)> job);
absl::Status WriteAndWait(Catalog& catalog,
                          absl::FunctionRef<absl::Status(CatalogTransaction&)> job);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_CATALOG_H_
