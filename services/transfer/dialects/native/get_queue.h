#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_GET_QUEUE_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_GET_QUEUE_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "core/base/status.h"
#include "core/framing/compression_level.h"
#include "dray/wire/v1/wire.pb.h"
#include "services/transfer/dialects/native/frame_reader.h"

namespace dray::transfer {
class Download;
class DownloadBases;
class OldCopies;
class SegmentRunSender;
struct SegmentRun;
}  // namespace dray::transfer

namespace dray::transfer::native {

class Connection;

// Serves a connection's Gets, one after the other. On the connection's executor; the connection
// owns it.
class GetQueue {
 public:
  explicit GetQueue(Connection* connection);
  ~GetQueue();

  // REQUIRES: the request was begun.
  void OnGet(const ReceivedFrame& frame);
  void OnCancel(uint16_t request);
  void Close();

 private:
  struct Waiting {
    uint16_t request = 0;
    wire::v1::Get get;
  };

  boost::asio::awaitable<void> ServeAll(std::shared_ptr<Connection> alive);
  boost::asio::awaitable<absl::Status> ServeOne(uint16_t request, wire::v1::Get get);
  // What the client has of what it asks for; null where it names nothing.
  boost::asio::awaitable<absl::StatusOr<std::unique_ptr<DownloadBases>>> FindBases(
      wire::v1::Get* get);
  boost::asio::awaitable<absl::StatusOr<std::unique_ptr<OldCopies>>> FindOldCopies(
      wire::v1::Get* get);
  boost::asio::awaitable<absl::Status> SendData(uint16_t request, Download* download,
                                                DownloadBases* bases);
  boost::asio::awaitable<absl::Status> SendRuns(uint16_t request, Download* download,
                                                std::vector<SegmentRun> runs);
  // What each record is sent as is made here, instead of sent as it lies.
  boost::asio::awaitable<absl::Status> SendAnswers(uint16_t request, Download* download,
                                                   DownloadBases* bases,
                                                   std::vector<SegmentRun> records);
  boost::asio::awaitable<absl::Status> SendTurn(uint16_t request, Download* download,
                                                SegmentRunSender* sender);
  bool SendItems(uint16_t request, const Download& download, const DownloadBases* bases,
                 bool brief);

  Connection* const connection_;
  std::deque<Waiting> waiting_;
  bool serving_ = false;
  // Of what is made here; what lies compressed is sent as it lies.
  CompressionLevel level_;
  absl::Duration compressing_;
};

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_GET_QUEUE_H_
