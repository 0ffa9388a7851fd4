#ifndef DRAY_CLIENT_CHANNEL_H_
#define DRAY_CLIENT_CHANNEL_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/cancellation.h"
#include "client/connection.h"
#include "client/options.h"
#include "client/retry.h"
#include "client/socket.h"
#include "client/tracker.h"
#include "core/base/status.h"
#include "core/framing/chunk_encoder.h"
#include "core/framing/compression_level.h"

namespace dray {

// The way to the server for one thread: a connection that is opened when needed and again after it
// was lost. Not thread-safe.
class Channel {
 public:
  // All outlive the channel.
  Channel(const ClientOptions* options, Cancellation* cancellation, Traffic* traffic);

  // The live connection, or a new one.
  absl::StatusOr<std::shared_ptr<Connection>> Connect();
  // The live connection's id, or empty.
  std::string connection_id() const { return connection_ == nullptr ? "" : connection_->id(); }
  // Makes the frames of what goes over this connection.
  ChunkEncoder& encoder() { return encoder_; }
  // Fits the encoder's level to the link, before each piece of work.
  void PaceEncoder();
  // Lets the connection go; it ends when the last call on it has.
  void Drop() { connection_.reset(); }

 private:
  const ClientOptions* const options_;
  Cancellation* const cancellation_;
  Traffic* const traffic_;
  std::shared_ptr<Connection> connection_;
  ChunkEncoder encoder_;
  CompressionLevel level_;
};

// Keeps channels that nobody uses, so that their connections are used again. Thread-safe.
class ChannelPool {
 public:
  using Borrowed = std::unique_ptr<Channel, std::function<void(Channel*)>>;

  ChannelPool(const ClientOptions* options, Cancellation* cancellation, Traffic* traffic);

  // Goes back when destroyed; the pool must still exist then.
  Borrowed Borrow();

 private:
  const ClientOptions* const options_;
  Cancellation* const cancellation_;
  Traffic* const traffic_;
  absl::Mutex mu_;
  std::vector<std::unique_ptr<Channel>> idle_ ABSL_GUARDED_BY(mu_);
};

class HashCache;

// What the parts of one operation share. Everything pointed to outlives the operation.
struct Operation {
  const ClientOptions* options;
  Cancellation* cancellation;
  ChannelPool* channels;
  Tracker* tracker;
  HashCache* hash_cache;

  // Waits as the options say; false when cancelled.
  bool Sleep(absl::Duration duration) const;
  // A retrier that tells the tracker.
  Retrier MakeRetrier() const;
};

}  // namespace dray

#endif  // DRAY_CLIENT_CHANNEL_H_
