#ifndef DRAY_SERVICES_DELTA_ENGINE_BATCH_H_
#define DRAY_SERVICES_DELTA_ENGINE_BATCH_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/delta/engine/commit.h"
#include "services/delta/engine/compare_session.h"

namespace dray::delta {

// One CommitBatch: Check() on a reader settles what needs no writing (items unchanged, lacking
// chunks, or wrong), Apply() in a transaction the rest. Each item succeeds or fails by itself. Not
// thread-safe.
class Batch {
 public:
  // `request` and `response` outlive this.
  Batch(const v1::CommitBatchRequest* request, v1::CommitBatchResponse* response)
      : request_(*request), response_(*response) {}

  // INVALID_ARGUMENT when the request as a whole is wrong.
  absl::Status Check(CatalogView& view);
  bool NeedsWriting() const { return !chunks_.empty() || !to_apply_.empty(); }
  // Adds the request's chunks and the items that Check() left; what they delete is one change. An
  // error is one of the whole batch.
  absl::Status Apply(CatalogTransaction& transaction, int64_t now_ns, ChangeId change);
  // By Apply().
  uint64_t versions_made() const { return versions_made_; }

 private:
  struct Item {
    int index = 0;
    CommitArguments arguments;
    PendingNodes nodes;  // children before parents

    bool deletes() const { return arguments.metadata.kind == EntryKind::kDeleted; }
  };

  absl::Status TakeChunks();
  absl::StatusOr<Item> TakeItem(int index) const;
  static absl::StatusOr<Item> TakeDeletion(int index, const v1::CommitBatchRequest::Item& message);
  absl::StatusOr<PendingNodes> DecodeNodes(const v1::CommitBatchRequest::Item& item) const;
  // Settles the item, or leaves it to Apply(). An error is the item's.
  absl::Status CheckItem(CatalogView& view, Item item);
  // The same for one that deletes.
  absl::Status CheckDeletion(CatalogView& view, Item item);
  void LeaveToApply(Item item);
  // Whether the plan answers the item without writing.
  static absl::StatusOr<bool> IsSettled(CatalogView& view, const CommitPlan& plan,
                                        const Item& item);
  // A chunk that the catalog has not, or that the request tells.
  struct NewChunk {
    uint32_t index = 0;  // among the item's
    bool told = false;   // else it is missing
  };
  absl::StatusOr<std::vector<NewChunk>> NewChunks(CatalogView& view, const Item& item) const;
  absl::StatusOr<bool> HasChunk(CatalogView& view, const Entry& entry) const;
  // Answers with what the item lacks and, if that is asked for, what of the version before may be
  // like it.
  absl::Status TellMissing(CatalogView& view, const Item& item,
                           const std::optional<EntryRecord>& existing,
                           absl::Span<const NewChunk> chunks);
  // The same bases whether some of the chunks are told or all are missing: an uploader that sends
  // some as deltas has the others told.
  absl::Status AddBases(CatalogView& view, const Item& item, const VersionRecord& before,
                        absl::Span<const NewChunk> chunks);
  // All or nothing: the first error of an item ends it.
  absl::Status ApplyTogether(CatalogTransaction& transaction, int64_t now_ns);
  // Each item by itself.
  absl::Status ApplyOneByOne(CatalogTransaction& transaction, int64_t now_ns);
  absl::Status ApplyItem(NameWriter& writer, const Item& item);
  absl::Status ApplyDeletion(NameWriter& writer, const Item& item);
  void SetError(int index, const absl::Status& status);
  void SetCommitted(int index, const CommitResult& result);

  const v1::CommitBatchRequest& request_;
  v1::CommitBatchResponse& response_;
  absl::flat_hash_map<ChunkId, StoredChunk> chunks_;  // told with the request
  std::vector<Item> to_apply_;
  absl::flat_hash_set<std::string> paths_to_apply_;
  // What of both kinds is among those.
  bool puts_to_apply_ = false;
  bool deletions_to_apply_ = false;
  ChangeId change_{0};
  FolderCache folders_;
  size_t base_chunks_ = 0;  // told
  uint64_t versions_made_ = 0;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_BATCH_H_
