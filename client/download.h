#ifndef DRAY_CLIENT_DOWNLOAD_H_
#define DRAY_CLIENT_DOWNLOAD_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/connection.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// One Get under way. The connection's thread receives; whoever calls the methods verifies and
// writes. Downloads of a connection are answered one after the other, so the oldest one has to be
// emptied first. Not thread-safe. Keeps its connection alive.
class Download {
 public:
  // A chunk whose bytes are what its id says; valid until the next call. Or what came in the place
  // of a chunk for which a base was named: nothing of that is checked.
  struct VerifiedChunk {
    ChunkId id;
    Bytes raw;
    const wire::v1::GetDelta* delta = nullptr;
  };

  static absl::StatusOr<std::unique_ptr<Download>> Start(std::shared_ptr<Connection> connection,
                                                         const wire::v1::Get& get);
  ~Download();
  Download(const Download&) = delete;
  Download& operator=(const Download&) = delete;

  // What the server says about each item; their number is that of the items asked for.
  absl::StatusOr<wire::v1::GetItems> ReceiveItems();
  // The next chunks, several at a time; none after the last one. DATA_LOSS when the next one is not
  // what its id or checksum says; those before it came before.
  absl::StatusOr<absl::Span<const VerifiedChunk>> ReceiveChunks();

  // After a failure of either: whether the connection was lost, with every request on it. Else the
  // failure is this request's own, whatever has become of the connection since.
  bool lost() const { return lost_; }

 private:
  class Inbox;
  Download(std::shared_ptr<Connection> connection, const wire::v1::Get& get);
  // A data frame, or a delta.
  struct Frame {
    ReceivedData data;
    std::unique_ptr<wire::v1::GetDelta> delta;
    size_t delta_bytes = 0;
  };

  // Makes chunks_ of the frames before the first one that is wrong; returns what that is.
  absl::Status Verify();
  absl::StatusOr<VerifiedChunk> Decode(const ReceivedData& data, size_t slot);

  const std::shared_ptr<Connection> connection_;
  const int items_;
  std::shared_ptr<Inbox> inbox_;
  uint16_t request_ = 0;
  // Of the chunks returned last.
  std::vector<Frame> frames_;
  std::vector<std::unique_ptr<uint8_t[]>> scratch_;  // for chunks that were compressed
  std::vector<VerifiedChunk> chunks_;
  absl::Status wrong_;
  bool lost_ = false;
};

}  // namespace dray

#endif  // DRAY_CLIENT_DOWNLOAD_H_
