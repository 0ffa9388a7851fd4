#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_BATCH_RECEIVER_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_BATCH_RECEIVER_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/status.h"
#include "core/net/condition.h"
#include "dray/wire/v1/wire.pb.h"
#include "services/transfer/dialects/native/frame_reader.h"
#include "services/transfer/engine/slab.h"

namespace dray::transfer::native {

class Connection;

// Serves a connection's PutBatches: gathers each with its data frames, and has a few committed at
// once. An error returned ends the connection; what fails a batch only is answered to the batch,
// and its data frames are thrown away. On the connection's executor; the connection owns it.
class BatchReceiver {
 public:
  explicit BatchReceiver(Connection* connection);
  ~BatchReceiver();

  // REQUIRES: the request was begun.
  boost::asio::awaitable<absl::Status> OnBatch(const ReceivedFrame& frame);
  // REQUIRES: receiving().
  boost::asio::awaitable<absl::Status> OnData(const Slice& frame);
  void Close();

  // Whether data frames of a batch are to come.
  bool receiving() const { return frames_to_come_ > 0; }

 private:
  boost::asio::awaitable<void> Start();
  boost::asio::awaitable<void> Commit(std::shared_ptr<Connection> alive, uint16_t request,
                                      wire::v1::PutBatch batch, DataRun run);
  absl::Status CheckBatch(const wire::v1::PutBatch& batch) const;

  Connection* const connection_;
  // The batch that is being received.
  uint16_t request_ = 0;
  wire::v1::PutBatch batch_;
  DataRun run_;
  absl::Status status_;  // not OK: it failed, and its frames are thrown away
  uint32_t frames_to_come_ = 0;
  uint64_t received_bytes_ = 0;

  int with_data_ = 0;  // batches with data or deltas that are being committed
  bool closed_ = false;
  Condition changed_;
};

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_BATCH_RECEIVER_H_
