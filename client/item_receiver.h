#ifndef DRAY_CLIENT_ITEM_RECEIVER_H_
#define DRAY_CLIENT_ITEM_RECEIVER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "client/download.h"
#include "client/file_writer.h"
#include "client/jobs.h"
#include "client/old_copy.h"
#include "client/tracker.h"
#include "core/base/status.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// Takes one small file out of the stream of an answer: whole, or, where the server told the list of
// its chunks, what its older copy lacks. Whatever becomes of the file, all that belongs to it is
// taken out of the stream, so that the next one can follow. Not thread-safe.
class ItemReceiver {
 public:
  // Both outlive this. DATA_LOSS for an answer that makes no sense.
  static absl::StatusOr<std::unique_ptr<ItemReceiver>> Make(const SmallGet& file,
                                                            const wire::v1::GetItems::Item& item,
                                                            Tracker* tracker);

  // Begins to write the file. Called once, before the following.
  void Open();
  // Nothing more of the file is to come.
  bool complete() const { return left_bytes_ == 0; }
  // DATA_LOSS when what came is not what was told: the stream cannot be told apart any more.
  // REQUIRES: !complete()
  absl::Status Add(const Download::VerifiedChunk& chunk);
  // Proves the whole, after which only the name is missing. REQUIRES: complete()
  absl::Status Seal(const GetOptions& options);
  // What was written. REQUIRES: Seal returned OK.
  FileWriter& writer() { return *writer_; }

  // Why the file cannot be written here: what still comes is skipped.
  const absl::Status& failure() const { return failure_; }
  // What is here is not what it was, or a delta made something else: what still comes is skipped,
  // and the file has to be got whole.
  bool spoilt() const { return spoilt_; }

 private:
  struct Expected {
    ChunkEntry chunk;
    std::optional<size_t> old_index;  // among the named chunks
  };

  ItemReceiver(const SmallGet& file, Tracker* tracker)
      : file_(file.remote), old_copy_(file.remote, file.named_chunks()), tracker_(tracker) {}
  absl::Status TakeEntries(const wire::v1::GetItems::Item& item);
  absl::Status CheckExpected(const Download::VerifiedChunk& chunk) const;
  // Whether those chunks that do not come are here.
  bool OldChunksAreThere();
  // Writes those that are next.
  void AddOldChunks();
  // The bytes that the delta makes; empty when they are not what the id says.
  Bytes Rebuild(const wire::v1::GetDelta& delta, const ChunkEntry& chunk);
  // Lets the file go.
  void Fail(const absl::Status& status);
  void Spoil();

  const RemoteFile& file_;
  OldCopy old_copy_;
  Tracker* const tracker_;
  bool by_entries_ = false;
  std::vector<Expected> expected_;  // by entries: all chunks of the file
  size_t next_ = 0;                 // of expected_
  uint64_t left_bytes_ = 0;         // still to come
  std::unique_ptr<FileWriter> writer_;
  std::vector<uint8_t> made_;
  absl::Status failure_;
  bool spoilt_ = false;
};

}  // namespace dray

#endif  // DRAY_CLIENT_ITEM_RECEIVER_H_
