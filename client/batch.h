#ifndef DRAY_CLIENT_BATCH_H_
#define DRAY_CLIENT_BATCH_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/call.h"
#include "client/channel.h"
#include "client/delta_maker.h"
#include "client/file_chunks.h"
#include "core/base/status.h"
#include "core/framing/frame.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// Files up to this length travel in batches, contents in memory; longer ones are streamed.
inline constexpr uint64_t kSmallFileBytes = 1 << 20;
// A batch's control frame stays below this.
inline constexpr size_t kBatchFrameBytes = 512 << 10;

// A small file, a folder or a link to be put.
struct SmallItem {
  std::string local;
  std::string remote;
  wire::v1::Metadata metadata;
  const wire::v1::Precondition* replaces = nullptr;
  // FILE only. Empty until they are needed, where `chunks` were recalled.
  std::vector<uint8_t> contents{};
  std::vector<ChunkEntry> chunks{};
  // The file is known by these chunks, not by having been read.
  bool recalled = false;
  // When and in which state the contents were read; nothing is remembered without.
  FileState state{};
  absl::Time read_since = absl::InfinitePast();
  // Reads contents, metadata and state anew.
  std::function<absl::Status(SmallItem*)> read{};

  // What the item needs of a PutBatch frame, at most.
  static size_t FrameBytes(size_t path_bytes, size_t link_bytes, uint64_t content_bytes);
};

// Puts batches of small items over one connection, several of them under way: offered without
// contents first, then what the server lacks with contents. Reports every item to the tracker.
// Survives lost connections. Not thread-safe.
class BatchPipeline {
 public:
  BatchPipeline(const Operation& operation, Channel* channel);
  BatchPipeline(const BatchPipeline&) = delete;
  BatchPipeline& operator=(const BatchPipeline&) = delete;

  // Waits for room, sends. Items have their metadata, and contents (cut and hashed here) or
  // recalled chunks. REQUIRES: within the limits of a batch. `contents_at_once` saves a round trip
  // where they are short. An error means that the server cannot be reached at all: then the items
  // under way are reported as failed.
  absl::Status Submit(std::vector<SmallItem> items, bool contents_at_once);
  // Waits until everything submitted is answered for.
  absl::Status Drain();

 private:
  struct Wanted {
    uint32_t index = 0;                               // of the item's chunks
    std::shared_ptr<const wire::v1::PutBase> base{};  // what the server has that may be like it
  };
  struct Batch {
    // An item, and which of its chunks the server wants.
    std::vector<SmallItem> items;
    std::vector<std::vector<Wanted>> wanted;  // for each item; all empty: only offered
    std::string operation_id;
    size_t content_bytes = 0;
    int rounds = 0;  // how often contents were sent
    std::unique_ptr<Call> call;
  };

  absl::Status Enter(Batch batch);
  absl::Status Send(Batch* batch);
  absl::StatusOr<std::string> Encode(const Batch& batch, uint16_t request);
  // Adds the chunk to the item as a delta if that is shorter than the chunk itself and has at most
  // `room` bytes; returns how many it has, 0: none was added.
  absl::StatusOr<size_t> AddDelta(const ChunkId& id, const Wanted& wanted, Bytes chunk, size_t room,
                                  wire::v1::BatchItem* item);
  absl::Status Harvest();
  absl::Status TakeAnswers(Batch batch, const wire::v1::PutBatchDone& done);
  // Cuts, hashes and remembers the contents of the items that were read.
  void Hash(absl::Span<SmallItem> items);
  // Reads an item that was recalled; clears `wanted` if it turns out to be another than offered.
  absl::Status ReadRecalled(SmallItem* item, std::vector<Wanted>* wanted);
  // True when the item is finished; else what is missing is left in `wanted`.
  bool TakeAnswer(const Batch& batch, SmallItem* item, const wire::v1::PutBatchDone::Answer& answer,
                  std::vector<Wanted>* wanted, absl::Status* retry);
  static absl::Status TakeWanted(const SmallItem& item,
                                 const wire::v1::PutBatchDone::Answer& answer,
                                 std::vector<Wanted>* wanted);
  absl::Status OnLost(const absl::Status& status);
  void FailBatch(const Batch& batch, const absl::Status& status);
  void ReportFailed(const SmallItem& item, const absl::Status& status);
  void ReportDone(const SmallItem& item, const wire::v1::PutBatchDone::Answer& answer);

  const Operation operation_;
  Channel* const channel_;
  Retrier retrier_;
  DeltaMaker deltas_;
  std::deque<Batch> in_flight_;
  size_t in_flight_bytes_ = 0;
};

}  // namespace dray

#endif  // DRAY_CLIENT_BATCH_H_
