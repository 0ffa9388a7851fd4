#ifndef DRAY_SERVICES_DELTA_ENGINE_COMPARE_SESSION_H_
#define DRAY_SERVICES_DELTA_ENGINE_COMPARE_SESSION_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/synchronization/mutex.h"
#include "services/delta/catalog/catalog.h"
#include "services/delta/engine/base_finder.h"

namespace dray::delta {

// A node that was told in a session, and is not in the catalog yet.
struct PendingNode {
  NodeId id;
  Node node;
  std::string encoding;
};
using PendingNodes = std::vector<std::shared_ptr<const PendingNode>>;

// One upload's comparison: what was offered, what it was asked for, and which of its nodes wait for
// what is beneath them. A node waits until all its chunks are stored and all its children wait for
// nothing; then it is ready to be added to the catalog. Memory stays within Limits whatever a peer
// sends.
//
// Thread-safe. Offer() and AddEntries() are the steps of one stream and must not overlap each
// other.
class CompareSession {
 public:
  struct Limits {
    size_t unknown_nodes = 65536;       // answered unknown, entries not told yet
    size_t pending_nodes = 65536;       // entries told, not in the catalog yet
    size_t pending_bytes = 256u << 20;  // of their encodings
    size_t wanted_chunks = 1u << 20;    // asked for, not stored yet
  };

  explicit CompareSession(Limits limits) : limits_(limits) {}

  struct Old {
    uint64_t ordinal = 0;
    std::vector<Entry> entries;
  };
  struct Known {
    uint64_t answered = 0;  // ordinals below are answered
    std::vector<uint64_t> unknown;
    std::vector<Old> olds;  // what lay where some of the unknown leaves do
  };
  // `node_ids`: 32 bytes each; `shapes`: as many (wire.v1.PutOffer), or none, and then there are no
  // olds. Known are nodes in the catalog and those that this session knows of.
  absl::StatusOr<Known> Offer(CatalogView& view, std::string_view node_ids,
                              absl::Span<const uint64_t> shapes);

  // Where old entries and bases of missing chunks are looked for; none before this was called.
  void SearchBases(BaseFinder finder) { finder_.emplace(std::move(finder)); }
  struct Missing {
    std::vector<uint32_t> indices;
    std::vector<Base> bases;
  };

  // Takes the entries of the oldest node that was answered unknown; returns which of its chunks are
  // wanted, as indices into them, and what may be like them. INVALID_ARGUMENT for another ordinal,
  // an encoding that is not canonical or has another id, a length that is not that of a known chunk
  // or child, a child that is not known. RESOURCE_EXHAUSTED beyond the limits.
  absl::StatusOr<Missing> AddEntries(CatalogView& view, uint64_t ordinal,
                                     std::string_view encoding);

  // To be told of chunks once the catalog has them.
  void ChunksStored(absl::Span<const StoredChunk> chunks) ABSL_LOCKS_EXCLUDED(mutex_);

  // Hands out ready nodes, children first, for adding to the catalog in this order; then
  // NodesAdded() or ReturnReady() is to be called.
  PendingNodes TakeReady(size_t limit) ABSL_LOCKS_EXCLUDED(mutex_);
  size_t ready_count() const ABSL_LOCKS_EXCLUDED(mutex_);
  void NodesAdded(const PendingNodes& nodes) ABSL_LOCKS_EXCLUDED(mutex_);
  void ReturnReady(const PendingNodes& nodes) ABSL_LOCKS_EXCLUDED(mutex_);

  // The pending nodes of the tree with this root, children first, ready or not. Empty when the root
  // is not pending.
  PendingNodes NodesBeneath(const Root& root) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Pending {
    std::shared_ptr<const PendingNode> node;
    size_t waits_for = 0;         // chunks and children
    std::vector<NodeId> parents;  // that wait for it
    bool ready() const { return waits_for == 0; }
  };
  struct Wanted {
    uint32_t length_bytes = 0;
    absl::InlinedVector<NodeId, 1> leaves;  // that wait for it
  };
  struct Unknown {
    uint64_t ordinal = 0;
    NodeId id;
    uint64_t known_before_bytes = 0;  // in known leaves that come before it in the file
    // The leaves just before and after it, if they were answered known.
    std::optional<NodeId> known_before;
    std::optional<NodeId> known_after;
  };
  // The leaf offered last, by its shape.
  struct LastLeaf {
    uint64_t ordinal = 0;
    std::optional<NodeId> known;  // its id, if it was answered known
  };

  void SetKnownAfter(uint64_t ordinal, const NodeId& id);
  // The bases of a leaf's missing chunks.
  absl::StatusOr<std::vector<Base>> FindBases(CatalogView& view, const Node& leaf,
                                              uint64_t offset_bytes,
                                              absl::Span<const uint32_t> missing);
  void AddOld(CatalogView& view, uint64_t ordinal, uint64_t offset_bytes, uint64_t length_bytes,
              Known* answer);
  // Bases only save bytes: an old version that is damaged must not keep a new one out.
  void StopSearching(const absl::Status& why);
  absl::StatusOr<std::shared_ptr<const PendingNode>> Decode(uint64_t ordinal,
                                                            std::string_view encoding) const;
  absl::StatusOr<std::vector<uint32_t>> AddLeaf(CatalogView& view,
                                                std::shared_ptr<const PendingNode> leaf);
  absl::Status AddInterior(CatalogView& view, std::shared_ptr<const PendingNode> node);
  absl::Status CheckRoom(const PendingNode& node, size_t more_wanted) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What the session itself knows of a node.
  std::optional<NodeFacts> FindPending(const NodeId& id) const ABSL_LOCKS_EXCLUDED(mutex_);
  void Insert(Pending pending) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // One thing that the node waited for is there.
  void StopWaiting(const NodeId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CollectBeneath(const NodeId& id, absl::flat_hash_set<NodeId>* seen,
                      PendingNodes* nodes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Limits limits_;

  // Used by the stream's steps alone.
  uint64_t next_ordinal_ = 0;
  std::deque<Unknown> unknown_;
  uint64_t shaped_bytes_ = 0;  // in leaves offered, by their shapes
  uint64_t known_bytes_ = 0;   // in leaves answered known
  uint64_t told_bytes_ = 0;    // in leaves whose entries were told
  LastLeaf last_leaf_;
  uint64_t told_end_bytes_ = 0;     // where the leaf told last ends in the file
  std::optional<Entry> told_last_;  // its last chunk, unless that is missing
  std::optional<BaseFinder> finder_;
  absl::flat_hash_set<NodeId> unknown_ids_;

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<NodeId, Pending> pending_ ABSL_GUARDED_BY(mutex_);
  size_t pending_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<ChunkId, Wanted> wanted_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<const PendingNode>> ready_ ABSL_GUARDED_BY(mutex_);
};

// The sessions that are open, by their ids. Thread-safe.
class SessionTable {
 public:
  // Opens a session under a random id that is not 0.
  std::pair<uint64_t, std::shared_ptr<CompareSession>> Open() ABSL_LOCKS_EXCLUDED(mutex_);
  // Null for an id that is unknown, or 0.
  std::shared_ptr<CompareSession> Find(uint64_t id) const ABSL_LOCKS_EXCLUDED(mutex_);
  void Close(uint64_t id) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<CompareSession>> sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_COMPARE_SESSION_H_
