#include "services/delta/catalog/consistency.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/base/path.h"
#include "core/chunking/node.h"
#include "services/delta/catalog/checksums.h"
#include "services/delta/catalog/entry_path.h"

namespace dray::delta {
namespace {

constexpr size_t kMaxProblems = 100;

struct ChunkTally {
  uint32_t length = 0;
  int64_t refs = 0;
  int64_t counted = 0;
};

struct NodeTally {
  int level = 0;
  uint64_t length = 0;
  int64_t refs = 0;
  int64_t counted = 0;
};

struct EntryTally {
  int64_t parent = 0;
  uint64_t head = 0;
  uint64_t newest = 0;
  bool live_folder = false;
  bool live = false;
};

class Checker {
 public:
  explicit Checker(Database& database) : database_(database) {}

  absl::StatusOr<ConsistencyReport> Run() {
    DRAY_RETURN_IF_ERROR(LoadChunks());
    DRAY_RETURN_IF_ERROR(CheckSegments());
    DRAY_RETURN_IF_ERROR(LoadNodes());
    DRAY_RETURN_IF_ERROR(CheckEncodings());
    DRAY_RETURN_IF_ERROR(LoadEntries());
    DRAY_RETURN_IF_ERROR(CheckVersions());
    DRAY_RETURN_IF_ERROR(CheckPlaces());
    DRAY_RETURN_IF_ERROR(CheckRetentions());
    CheckTree();
    CheckCounts();
    return std::move(report_);
  }

 private:
  void Problem(std::string text) {
    ++report_.problem_count;
    if (report_.problems.size() < kMaxProblems) report_.problems.push_back(std::move(text));
  }

  // Calls `row` for each row of `sql`.
  template <typename Row>
  absl::Status ForEach(const char* sql, Row row) {
    DRAY_ASSIGN_OR_RETURN(Statement * statement, database_.Prepare(sql));
    Query query(statement);
    while (true) {
      DRAY_ASSIGN_OR_RETURN(const bool more, query->Step());
      if (!more) return absl::OkStatus();
      row(query);
    }
  }

  absl::Status LoadChunks() {
    return ForEach("SELECT id, length, refs FROM chunks", [&](Query& query) {
      ++report_.chunks;
      const auto id = ChunkId::FromBytes(query->Blob(0));
      if (!id) return Problem("a chunk's id does not have 32 bytes");
      chunks_[*id] = {static_cast<uint32_t>(query->Integer(1)), query->Integer(2), 0};
    });
  }

  absl::Status CheckSegments() {
    return ForEach(
        "SELECT ifnull(s.id, c.segment), ifnull(s.chunks, 0), ifnull(s.stored, 0), "
        "ifnull(c.chunks, 0), ifnull(c.stored, 0) FROM segments s FULL JOIN "
        "(SELECT segment, count(*) AS chunks, sum(stored) AS stored FROM chunks GROUP BY segment) "
        "c "
        "ON c.segment=s.id WHERE ifnull(s.chunks, 0)<>ifnull(c.chunks, 0) "
        "OR ifnull(s.stored, 0)<>ifnull(c.stored, 0)",
        [&](Query& query) {
          Problem(absl::StrCat("segment ", query->Integer(0), " has ", query->Integer(1),
                               " chunks of ", query->Integer(2), " bytes on record and ",
                               query->Integer(3), " of ", query->Integer(4), " in fact"));
        });
  }

  absl::Status LoadNodes() {
    return ForEach("SELECT id, level, length, refs FROM nodes", [&](Query& query) {
      ++report_.nodes;
      const auto id = NodeId::FromBytes(query->Blob(0));
      if (!id) return Problem("a node's id does not have 32 bytes");
      nodes_[*id] = {static_cast<int>(query->Integer(1)), static_cast<uint64_t>(query->Integer(2)),
                     query->Integer(3), 0};
    });
  }

  absl::Status CheckEncodings() {
    return ForEach("SELECT n.id, e.encoding FROM nodes n LEFT JOIN encodings e ON e.node=n.num",
                   [&](Query& query) {
                     const auto id = NodeId::FromBytes(query->Blob(0));
                     if (id && !CheckNode(*id, query->Blob(1), query->IsNull(1))) {
                       report_.damage.nodes.insert(*id);
                     }
                   });
  }

  // Whether the node itself is sound; what it stands on is another matter.
  bool CheckNode(const NodeId& id, std::string_view encoding, bool lost) {
    if (lost) {
      Problem(absl::StrCat("node ", id.hex(), " is lost; put the files that stand on it again"));
      return false;
    }
    if (IdOfNode(AsBytes(encoding)) != id) {
      unreadable_nodes_ = true;
      Problem(absl::StrCat("node ", id.hex(), " has an encoding with another id"));
      return false;
    }
    const absl::StatusOr<Node> node = DecodeNode(AsBytes(encoding));
    if (!node.ok()) {
      unreadable_nodes_ = true;
      Problem(absl::StrCat("node ", id.hex(), ": ", node.status().message()));
      return false;
    }
    for (const Entry& entry : node->entries) CountEntry(id, node->level, entry);
    const NodeTally& row = nodes_[id];
    if (row.level == node->level && row.length == node->length_bytes()) return true;
    Problem(absl::StrCat("node ", id.hex(), " is filed with another level or length"));
    return false;
  }

  void CountEntry(const NodeId& parent, int level, const Entry& entry) {
    if (level == 0 ? CountChunk(entry) : CountChild(level, entry)) return;
    if (level == 0) {
      report_.damage.chunks.insert(entry.chunk());
    } else {
      report_.damage.nodes.insert(entry.node());
    }
    Problem(absl::StrCat("node ", parent.hex(), " stands on ", level == 0 ? "chunk " : "node ",
                         entry.id.hex(), ", which does not exist or has another length"));
  }
  bool CountChunk(const Entry& entry) {
    const auto chunk = chunks_.find(entry.chunk());
    if (chunk == chunks_.end()) return false;
    ++chunk->second.counted;
    return chunk->second.length == entry.length_bytes;
  }
  bool CountChild(int level, const Entry& entry) {
    const auto child = nodes_.find(entry.node());
    if (child == nodes_.end()) return false;
    ++child->second.counted;
    return child->second.length == entry.length_bytes && child->second.level == level - 1;
  }

  absl::Status LoadEntries() {
    return ForEach("SELECT id, parent, head, checksum=" DRAY_ENTRY_CHECKSUM " FROM entries",
                   [&](Query& query) {
                     ++report_.entries;
                     if (query->Integer(3) == 0) unsealed_entries_.push_back(query->Integer(0));
                     entries_[query->Integer(0)] = {
                         .parent = query->Integer(1),
                         .head = static_cast<uint64_t>(query->Integer(2))};
                   });
  }

  absl::Status CheckVersions() {
    return ForEach("SELECT entry, number, kind, root, size, checksum=" DRAY_VERSION_CHECKSUM
                   " FROM versions",
                   [&](Query& query) {
                     ++report_.versions;
                     const int64_t id = query->Integer(0);
                     if (query->Integer(5) == 0) {
                       Problem(absl::StrCat(
                           "version ", query->Integer(1), " of ", DescribeEntry(database_, id),
                           " has a record that is not what was written: its mode, time, size or "
                           "link target may be wrong"));
                     }
                     const auto entry = entries_.find(id);
                     if (entry == entries_.end()) {
                       return Problem(absl::StrCat("version ", query->Integer(1),
                                                   " belongs to no entry: ", id));
                     }
                     CheckHead(static_cast<uint64_t>(query->Integer(1)),
                               static_cast<EntryKind>(query->Integer(2)), entry->second);
                     if (query->IsNull(3)) return;
                     const char* problem = CountRoot(query->Blob(3), query->Integer(4));
                     if (problem == nullptr) return;
                     Problem(absl::StrCat("version ", query->Integer(1), " of ",
                                          DescribeEntry(database_, id), " ", problem));
                   });
  }

  absl::Status CheckPlaces() {
    return ForEach("SELECT entry, parent, from_ns<until_ns, checksum=" DRAY_PLACE_CHECKSUM
                   " FROM places",
                   [&](Query& query) {
                     const int64_t id = query->Integer(0);
                     if (query->Integer(2) != 0 && query->Integer(3) != 0 &&
                         entries_.contains(id) && entries_.contains(query->Integer(1))) {
                       return;
                     }
                     Problem(absl::StrCat("a record of where ", DescribeEntry(database_, id),
                                          " lay before it was moved is not what was written"));
                   });
  }

  absl::Status CheckRetentions() {
    return ForEach("SELECT prefix, checksum=" DRAY_RETENTION_CHECKSUM " FROM retentions",
                   [&](Query& query) {
                     if (query->Integer(1) != 0) return;
                     Problem(absl::StrCat("the retention of :/", EscapeName(query->Blob(0)),
                                          " is not what was set; nothing is dropped until it is "
                                          "set again (dray retention)"));
                   });
  }

  static void CheckHead(uint64_t number, EntryKind kind, EntryTally& entry) {
    entry.newest = std::max(entry.newest, number);
    if (number != entry.head) return;
    entry.live = kind != EntryKind::kDeleted;
    entry.live_folder = kind == EntryKind::kFolder;
  }

  // What is wrong with a version's root; null if nothing is.
  const char* CountRoot(std::string_view root, int64_t size) {
    const auto id = Root::FromBytes(root);
    const auto node = id ? nodes_.find(*id) : nodes_.end();
    if (node == nodes_.end()) return "has a root that does not exist";
    ++node->second.counted;
    if (node->second.length == static_cast<uint64_t>(size)) return nullptr;
    return "has a size that is not its root's";
  }

  void CheckTree() {
    for (const int64_t id : unsealed_entries_) {
      Problem(
          absl::StrCat(DescribeEntry(database_, id),
                       " has a name, a folder or a newest version that is not what was written"));
    }
    for (const auto& [id, entry] : entries_) {
      for (const char* problem : ProblemsOf(id, entry)) {
        Problem(absl::StrCat(DescribeEntry(database_, id), " ", problem));
      }
    }
  }
  std::vector<const char*> ProblemsOf(int64_t id, const EntryTally& entry) const {
    std::vector<const char*> problems;
    if (entry.newest == 0 || entry.newest != entry.head) {
      problems.push_back("does not point to its newest version");
    }
    if (id == static_cast<int64_t>(kTopEntry)) return problems;
    const auto parent = entries_.find(entry.parent);
    if (parent == entries_.end()) {
      problems.push_back("lies in no folder");
    } else if (entry.live && !parent->second.live_folder) {
      problems.push_back("is there, and what it lies in is not, or is no folder");
    }
    if (!LeadsToTop(id)) problems.push_back("does not lie beneath the top");
    return problems;
  }

  bool LeadsToTop(int64_t id) const {
    for (size_t steps = 0; steps <= kMaxPathBytes; ++steps) {
      if (id == static_cast<int64_t>(kTopEntry)) return true;
      const auto entry = entries_.find(id);
      if (entry == entries_.end()) return false;
      id = entry->second.parent;
    }
    return false;
  }

  void CheckCounts() {
    if (unreadable_nodes_) return;  // what they refer to cannot be counted
    for (const auto& [id, chunk] : chunks_) {
      if (chunk.refs == chunk.counted) continue;
      Problem(absl::StrCat("chunk ", id.hex(), " has ", chunk.refs, " references on record and ",
                           chunk.counted, " in fact"));
    }
    for (const auto& [id, node] : nodes_) {
      if (node.refs == node.counted) continue;
      Problem(absl::StrCat("node ", id.hex(), " has ", node.refs, " references on record and ",
                           node.counted, " in fact"));
    }
  }

  Database& database_;
  ConsistencyReport report_;
  bool unreadable_nodes_ = false;
  absl::flat_hash_map<ChunkId, ChunkTally> chunks_;
  absl::flat_hash_map<NodeId, NodeTally> nodes_;
  absl::flat_hash_map<int64_t, EntryTally> entries_;
  std::vector<int64_t> unsealed_entries_;
};

}  // namespace

absl::StatusOr<ConsistencyReport> CheckConsistency(Database& database) {
  return Checker(database).Run();
}

}  // namespace dray::delta
