#ifndef DRAY_SERVICES_DELTA_CATALOG_TYPES_H_
#define DRAY_SERVICES_DELTA_CATALOG_TYPES_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/base/ids.h"

// What a catalog holds, as plain values. Times are nanoseconds since 1970, UTC.
namespace dray::delta {

enum class EntryKind : uint8_t { kFile = 1, kFolder = 2, kSymlink = 3, kDeleted = 4 };

// Names a row of the tree of names; stays the same when the entry is moved.
enum class EntryId : int64_t {};
inline constexpr EntryId kTopEntry{1};

// All that was deleted by one request has the same; 0 is none.
enum class ChangeId : uint64_t {};

// What a user gives with an entry's content.
struct Metadata {
  EntryKind kind = EntryKind::kFile;
  uint32_t mode = 0;  // permission bits only: at most 07777
  int64_t mtime_ns = 0;
  uint64_t size = 0;           // files only, in bytes
  std::string symlink_target;  // symbolic links only

  friend bool operator==(const Metadata&, const Metadata&) = default;
};

// An immutable version of an entry.
struct VersionRecord {
  uint64_t number = 0;  // 1, 2, 3... for each entry
  Metadata metadata;
  std::optional<Root> root;  // files only
  std::string author;
  int64_t committed_ns = 0;  // strictly increasing for each entry
  std::string md5;           // 16 bytes once known, else empty
  ChangeId change{0};        // deletions only: what was deleted together

  bool deleted() const { return metadata.kind == EntryKind::kDeleted; }
  bool folder() const { return metadata.kind == EntryKind::kFolder; }
};

// A name in a folder, with its newest version.
struct EntryRecord {
  EntryId id{0};
  EntryId parent{0};
  std::string name;
  VersionRecord head;
};

// Where a chunk lies.
struct StoredChunk {
  ChunkId id;
  uint32_t length_bytes = 0;  // of the raw chunk
  SegmentId segment{0};
  uint64_t offset = 0;        // of the record's first byte
  uint32_t stored_bytes = 0;  // of the whole record
  // Nothing refers to it, and it will be deleted unless something does again.
  bool condemned = false;

  friend bool operator==(const StoredChunk&, const StoredChunk&) = default;
};

struct NodeFacts {
  int level = 0;
  uint64_t length_bytes = 0;
  bool condemned = false;  // as a chunk may be
};

// What the catalog's chunks take in a segment.
struct SegmentUse {
  SegmentId id{0};
  uint64_t chunks = 0;
  uint64_t stored_bytes = 0;  // of their records

  friend bool operator==(const SegmentUse&, const SegmentUse&) = default;
};

enum class Garbage { kChunks, kNodes };

// A row that is condemned, and has no references on record.
struct CondemnedRow {
  int64_t row = 0;
  AnyDigest id;
};

// What one step of a collection did.
struct Swept {
  uint64_t rows = 0;
  uint64_t stored_bytes = 0;  // chunks only
  int64_t next = 0;           // the row to go on from; 0: that was all
};

// What a request that was already done had done; kept so that its repetition is the same request.
struct OperationRecord {
  EntryId entry{0};
  uint64_t number = 0;   // of the version that was made
  uint64_t entries = 0;  // how many entries were changed
};

// A version of an entry.
struct VersionName {
  EntryId entry{0};
  uint64_t number = 0;
};

// How long old versions are kept beneath a path. One that was replaced is kept while it is among
// the newest `keep_last` of its entry, and until `keep_ns` after it was replaced; 0: no bound of
// that kind. Without either, for ever.
struct Retention {
  std::string prefix;  // a path; "" is the top
  uint64_t keep_last = 0;
  int64_t keep_ns = 0;

  friend bool operator==(const Retention&, const Retention&) = default;
};
// Of a catalog.
inline constexpr size_t kMaxRetentions = 500;

// Entries with something that may be dropped, greatest id first.
struct EntriesWithPast {
  std::vector<EntryId> entries;
  EntryId next{0};  // where to go on; 0: there are no more
};

// Hashes of a file's blocks, all of one length but the last: SHA-256, in pieces of as many hashes.
inline constexpr size_t kHashesInPiece = 4096;

struct CatalogCounts {
  uint64_t chunks = 0;
  uint64_t nodes = 0;
  uint64_t entries = 0;
};

// Chunks and nodes that are not what the catalog says, or not there.
struct Damage {
  absl::flat_hash_set<ChunkId> chunks;
  absl::flat_hash_set<NodeId> nodes;
};

// What CheckConsistency() found.
struct ConsistencyReport {
  uint64_t chunks = 0;
  uint64_t nodes = 0;
  uint64_t entries = 0;
  uint64_t versions = 0;
  uint64_t problem_count = 0;
  std::vector<std::string> problems;  // the first 100
  Damage damage;                      // all that versions may stand on
};

// The time now, in nanoseconds since 1970.
using NowFunction = std::function<int64_t()>;

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_CATALOG_TYPES_H_
