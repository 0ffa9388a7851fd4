#ifndef DRAY_CLIENT_UPLOAD_LEDGER_H_
#define DRAY_CLIENT_UPLOAD_LEDGER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/chunking/tree_builder.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// What an upload has offered, what the server answered, and what is to be sent because of it
// (docs/format/wire.md, "Upload"). No sockets, no file contents. Memory: what is offered and not
// answered, and a few bytes for each chunk wanted. Not thread-safe.
class UploadLedger {
 public:
  struct WantedChunk {
    ChunkId id;
    uint64_t offset_bytes = 0;  // in the file
    uint32_t length_bytes = 0;
    // The leaf and the place in it; and what the server has that may be like it, if anything.
    uint64_t ordinal = 0;
    uint32_t index = 0;
    std::shared_ptr<const wire::v1::PutBase> base;
  };

  // `short_nodes`: the server knows that feature.
  explicit UploadLedger(bool short_nodes = false) : short_nodes_(short_nodes) {}

  // A finished node, children before parents. `offset_bytes` is where a leaf's first chunk lies in
  // the file.
  void Offer(TreeBuilder::FinishedNode node, uint64_t offset_bytes);

  // The server's answers; INTERNAL when they break the protocol. Return how many bytes of the file
  // turned out to need no sending.
  absl::StatusOr<uint64_t> OnKnown(const wire::v1::PutKnown& known);
  absl::StatusOr<uint64_t> OnWanted(const wire::v1::PutWanted& wanted);
  // A delta that was sent did not make its chunk: that is wanted again, whole.
  absl::Status OnAgain(const wire::v1::PutAgain& again);
  // What was sent up to `total_bytes` has been dealt with.
  void OnStored(uint64_t total_bytes);

  // What is to be sent next, in the order in which each kind has to go.
  bool has_offers() const { return !unsent_offers_.empty(); }
  wire::v1::PutOffer TakeOffers();  // up to some hundred ids
  std::optional<wire::v1::PutNode> TakeNode();
  const WantedChunk* NextChunk() const { return wanted_.empty() ? nullptr : &wanted_.front(); }
  void PopChunk();
  // To be told of each chunk that goes as a delta; with it `total_bytes` were sent.
  void DeltaSent(WantedChunk chunk, uint64_t total_bytes);

  // Bytes of the file in leaves that the server has not dealt with.
  uint64_t unanswered_bytes() const { return unanswered_bytes_; }
  // Bytes of wanted chunks not taken yet.
  uint64_t wanted_bytes() const { return wanted_bytes_; }
  // The server owes an answer about a node.
  bool awaits_answer() const { return !offered_.empty() || !awaiting_wanted_.empty(); }
  bool has_nodes() const { return !unknown_.empty(); }
  // Nothing is left to send or to hear about.
  bool settled() const {
    return !awaits_answer() && !has_offers() && !has_nodes() && wanted_.empty();
  }

 private:
  struct Pending {
    uint64_t ordinal = 0;
    int level = 0;
    uint64_t offset_bytes = 0;
    uint64_t length_bytes = 0;  // of file in a leaf; 0 above
    std::string encoding;
    std::string old_short_ids;       // a leaf's
    std::vector<uint64_t> children;  // ordinals; where short nodes are told
  };

  struct SentDelta {
    uint64_t total_bytes = 0;
    WantedChunk chunk;
  };

  uint64_t WantChunks(const Pending& leaf, const wire::v1::PutWanted& wanted);
  absl::Status TakeOlds(const wire::v1::PutKnown& known);
  // The ordinals of a node's children, of which it is the parent from now on.
  std::vector<uint64_t> ClaimChildren(int level, uint64_t ordinal);

  bool short_nodes_ = false;
  uint64_t next_ordinal_ = 0;
  std::vector<std::vector<uint64_t>> without_parent_;  // ordinals, by level
  std::string unsent_offers_;                          // ids, 32 bytes each
  std::deque<uint64_t> unsent_shapes_;
  std::deque<Pending> offered_;          // not answered by PutKnown
  std::deque<Pending> unknown_;          // to be sent as PutNode
  std::deque<Pending> awaiting_wanted_;  // leaves sent as PutNode
  std::deque<WantedChunk> wanted_;
  std::deque<SentDelta> sent_deltas_;
  uint64_t unanswered_bytes_ = 0;
  uint64_t wanted_bytes_ = 0;
};

}  // namespace dray

#endif  // DRAY_CLIENT_UPLOAD_LEDGER_H_
