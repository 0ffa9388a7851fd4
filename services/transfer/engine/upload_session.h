#ifndef DRAY_SERVICES_TRANSFER_ENGINE_UPLOAD_SESSION_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_UPLOAD_SESSION_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "core/base/ids.h"
#include "core/base/leases.h"
#include "core/base/status.h"
#include "core/net/condition.h"
#include "dray/delta/v1/delta.pb.h"
#include "dray/wire/v1/wire.pb.h"
#include "services/transfer/engine/activity.h"
#include "services/transfer/engine/chunk_base.h"
#include "services/transfer/engine/chunk_intake.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/engine.h"
#include "services/transfer/engine/offered_nodes.h"

namespace dray::transfer {

// The upload of one file: what it is made of is compared with what delta knows, the chunks that are
// missing are taken in, and in the end there is a new version. Everything happens on one executor.
// It keeps itself alive while it works.
class UploadSession : public std::enable_shared_from_this<UploadSession> {
 public:
  // Offered nodes without an answer, entries of nodes without an answer, and chunks asked for that
  // have not come: at most this many of each.
  static constexpr size_t kMaxPending = 65'536;

  struct Target {
    std::string path;
    std::string operation_id;
    std::optional<wire::v1::Precondition> replaces;
    std::string author;
    uint64_t size = 0;         // to be shown; 0: not known
    bool deltas = false;       // the client answers signatures of bases
    bool short_nodes = false;  // the client may tell nodes in short
  };
  struct Old {
    uint64_t ordinal = 0;
    std::string short_ids;
  };
  struct Known {
    uint64_t answered = 0;
    std::vector<uint64_t> unknown;
    std::vector<Old> olds;
  };
  struct Base {
    uint32_t first = 0;  // indices into `missing`
    uint32_t count = 0;
    size_t wanted_bytes = 0;  // of these chunks
    std::shared_ptr<const ChunkBase> base;
    std::optional<Signature> signature;
  };
  struct Wanted {
    uint64_t ordinal = 0;
    std::vector<uint32_t> missing;
    std::vector<Base> bases;
  };
  using Answer = std::variant<Known, Wanted>;
  struct Events {
    // Data taken in so far, in bytes as received.
    std::function<void(uint64_t total_bytes)> on_stored;
    // The session failed while nobody waited for it. At most once.
    std::function<void(const absl::Status&)> on_failure;
  };

  // Opens a session with delta. `connection` outlives the session.
  static boost::asio::awaitable<absl::StatusOr<std::shared_ptr<UploadSession>>> Open(
      const Engine* engine, boost::asio::any_io_executor executor,
      const Activity::Connection* connection, Target target);
  ~UploadSession();

  Activity::Transfer& transfer() { return transfer_; }

  // To be set before the first data.
  void SetEvents(Events events) { events_ = std::move(events); }

  // Asks delta about nodes. Their ordinals count on.
  boost::asio::awaitable<absl::Status> Offer(wire::v1::PutOffer offer);
  // The entries of a node that delta did not know.
  boost::asio::awaitable<absl::Status> AddNode(wire::v1::PutNode node);
  // Delta's next answer. For one coroutine at a time. CANCELLED after Close(), DEADLINE_EXCEEDED
  // when delta has owed one for DeltaClient's deadline.
  boost::asio::awaitable<absl::StatusOr<Answer>> NextAnswer();

  // Signs the bases of an answer where that may pay; what cannot be read has no signature.
  boost::asio::awaitable<void> Sign(Wanted* wanted);

  // Whether delta asked for this chunk; each time it did counts for one. INVALID_ARGUMENT else.
  absl::Status Expect(const ChunkId& id);
  // The same for a chunk that comes as a delta. INVALID_ARGUMENT when it has no base.
  absl::StatusOr<BasedChunk> ExpectDelta(uint64_t ordinal, uint32_t index);
  // See RebuildChunk. Where it makes nothing, the chunk is expected again, as a data frame.
  boost::asio::awaitable<absl::StatusOr<std::optional<Slice>>> Rebuild(BasedChunk chunk,
                                                                       std::string delta,
                                                                       uint32_t raw_bytes);
  // Counts data as taken in that came to nothing.
  void Return(uint64_t credit_bytes);
  // Chunks are expected again: a commit that comes now was sent before the client knew.
  bool expects_again() const { return !again_.empty(); }
  // Takes a run of expected chunks over; returns when the one before is in.
  boost::asio::awaitable<absl::Status> Store(DataRun run);
  // Whether Store() would not wait; then StoreNow() does the same.
  bool ready_to_store() const { return intake_->idle(); }
  void StoreNow(DataRun run) { intake_->StoreNow(std::move(run)); }
  boost::asio::awaitable<absl::Status> DrainStores();

  // Makes the version, after all data is durable and known to delta, and delta has answered about
  // every node. REQUIRES: a coroutine takes the answers.
  boost::asio::awaitable<absl::StatusOr<delta::v1::CommitResponse>> Commit(
      std::string root, wire::v1::Metadata metadata);

  // Ends the session, for `why`: what waits returns, no event comes any more.
  void Close(const absl::Status& why);

 private:
  struct PendingNode {
    uint64_t ordinal = 0;
    std::string encoding;
    size_t entries = 0;
  };

  UploadSession(const Engine* engine, boost::asio::any_io_executor executor,
                const Activity::Connection* connection, Target target);
  boost::asio::awaitable<absl::Status> Begin();
  boost::asio::awaitable<absl::StatusOr<Answer>> ReadAnswer();
  absl::StatusOr<Answer> TakeKnown(delta::v1::CompareResponse::Known known);
  absl::StatusOr<Answer> TakeWanted(const delta::v1::CompareResponse::Wanted& wanted);
  bool answers_owed() const { return answered_ < offered_ || !pending_nodes_.empty(); }
  // Delta has so long for its next answer from now on, should it owe one.
  void SetAnswerTimer();
  void StopAnswerTimer();
  absl::Status TakeBases(const delta::v1::CompareResponse::Wanted& message, const PendingNode& node,
                         Wanted* wanted);

  // What the client is told no base of comes whole.
  void ForgetBase(const Wanted& wanted, const Base& base);

  const Engine* const engine_;
  const boost::asio::any_io_executor executor_;
  const Target target_;
  const Leases::Lease lease_;  // on bases
  Activity::Transfer transfer_;
  const std::string connection_id_;
  Events events_;

  std::unique_ptr<CompareStream> stream_;
  uint64_t session_ = 0;
  uint64_t offered_ = 0;
  uint64_t answered_ = 0;
  OfferedNodes offered_nodes_;
  std::deque<PendingNode> pending_nodes_;
  absl::Status answers_status_;  // why there will be no more answers
  Condition answered_more_;
  size_t pending_entries_ = 0;
  bool reading_ = false;                    // somebody waits for an answer
  boost::asio::steady_timer answer_timer_;  // runs while, besides, one is owed
  bool late_ = false;
  // By place, which is 256 times the leaf's ordinal and the index in it; kNowhere without a base.
  absl::flat_hash_map<ChunkId, uint64_t> wanted_;
  absl::flat_hash_map<uint64_t, BasedChunk> based_;
  absl::flat_hash_set<ChunkId> again_;  // wanted, after a delta that did not make them
  size_t misses_ = 0;                   // chunks in a row that came whole though they had a base
  std::shared_ptr<ChunkIntake> intake_;
  uint64_t stored_bytes_ = 0;
  bool closed_ = false;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_UPLOAD_SESSION_H_
