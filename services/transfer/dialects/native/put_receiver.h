#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_PUT_RECEIVER_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_PUT_RECEIVER_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>

#include "core/base/status.h"
#include "dray/wire/v1/wire.pb.h"
#include "services/transfer/dialects/native/frame_reader.h"
#include "services/transfer/engine/slab.h"

namespace dray::transfer {
class UploadSession;
}

namespace dray::transfer::native {

class Connection;

// Serves a connection's PutOpen ... PutDone, one upload after the other. An error returned ends the
// connection; what fails an upload only is answered to the upload, and what the client still sends
// for it is thrown away. On the connection's executor; the connection owns it.
class PutReceiver {
 public:
  explicit PutReceiver(Connection* connection);
  ~PutReceiver();

  // REQUIRES: the request was begun.
  boost::asio::awaitable<absl::Status> OnOpen(const ReceivedFrame& frame);
  // PutOffer, PutNode, PutDelta, PutCommit.
  boost::asio::awaitable<absl::Status> OnFrame(const ReceivedFrame& frame);
  boost::asio::awaitable<absl::Status> OnData(const Slice& frame);
  // Nothing more is there to be received for now: what was gathered need not wait for more.
  void StoreWhatIsThere();

  void OnCancel(uint16_t request);
  // The client knows that this upload is over: nothing more comes for it.
  void Forget(uint16_t request);
  void Close();

  // Whether the client owes frames of an upload.
  bool receiving() const { return session_ != nullptr; }

 private:
  boost::asio::awaitable<absl::Status> TakeFrame(const ReceivedFrame& frame);
  boost::asio::awaitable<absl::Status> TakeDelta(const ReceivedFrame& frame);
  // Of data that came: RESOURCE_EXHAUSTED, for the connection, when it is more than was granted.
  absl::Status Charge(uint64_t credit_bytes);
  boost::asio::awaitable<absl::Status> TakeCommit(const ReceivedFrame& frame);
  boost::asio::awaitable<void> StoreRun();
  boost::asio::awaitable<void> ForwardAnswers(std::shared_ptr<Connection> alive,
                                              std::shared_ptr<UploadSession> opened,
                                              uint16_t request);
  boost::asio::awaitable<void> Commit(std::shared_ptr<Connection> alive,
                                      std::shared_ptr<UploadSession> opened, uint16_t request,
                                      wire::v1::PutCommit commit);
  void OnStored(uint64_t total_bytes);
  void Fail(const absl::Status& status);

  Connection* const connection_;
  std::shared_ptr<UploadSession> session_;  // null: no upload is open
  uint16_t request_ = 0;
  uint16_t failed_request_ = 0;  // whose frames are thrown away; 0: none
  DataRun run_;
  uint64_t received_bytes_ = 0;
  uint64_t stored_bytes_ = 0;
};

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_PUT_RECEIVER_H_
