#ifndef DRAY_SERVICES_TRANSFER_ENGINE_DOWNLOAD_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_DOWNLOAD_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/leases.h"
#include "core/base/status.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/transfer/engine/activity.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/engine.h"
#include "services/transfer/engine/segment_run.h"

namespace dray::transfer {

class DownloadBases;
class OldCopies;

// The contents of versions, as runs of records in segments. For one coroutine.
class Download {
 public:
  // Chunks of several files whose places are kept in memory at once.
  static constexpr size_t kMaxLocations = 65'536;

  // What is known of an item before its data.
  struct Header {
    wire::v1::Version version;
    bool same = false;
    uint64_t data_bytes = 0;
    absl::Status error;
    std::string entries;  // of a version that comes in part: OldCopies::Plan
  };

  // Asks delta. One file is told piece by piece, as it is read; of several, everything is known
  // before the first byte is sent: RESOURCE_EXHAUSTED when that is too much. `connection` outlives
  // the download.
  // `bases`, which also outlive it, are of the only item, and may be null; what unknown ones are
  // for is left out. `old_copies`, too, are OldCopies::Find's or null; then everything is known
  // before the first byte of one file as well.
  static boost::asio::awaitable<absl::StatusOr<std::unique_ptr<Download>>> Open(
      const Engine* engine, const Activity::Connection* connection,
      delta::v1::ResolveRequest request, DownloadBases* bases, OldCopies* old_copies);

  // One for each item asked for.
  const std::vector<Header>& headers() const { return headers_; }
  // The next runs, in order; none at the end.
  boost::asio::awaitable<absl::StatusOr<std::vector<SegmentRun>>> NextRuns();

  Activity::Transfer& transfer() { return transfer_; }
  // All was sent.
  void Finish();

 private:
  Download(Leases::Lease lease, const Activity::Connection* connection,
           const delta::v1::ResolveRequest& request, DownloadBases* bases, OldCopies* old_copies);
  boost::asio::awaitable<absl::Status> ReadHeaders(size_t items);
  absl::Status TakeHeader(const delta::v1::ResolveResponse::Header& header, size_t items);
  absl::Status TakeChunks(delta::v1::ResolveResponse::Chunks* chunks);
  // Decides what is sent of the chunks held back.
  void UseOldCopies();
  void AddRun(const delta::v1::StoredChunk& chunk, size_t item, const OfferedBase* base);
  void CountTotals();

  const Leases::Lease lease_;
  Activity::Transfer transfer_;
  DownloadBases* const bases_;
  OldCopies* old_copies_;                                  // null once they are used
  std::vector<std::vector<delta::v1::StoredChunk>> held_;  // of each item, while they are not
  uint64_t chunks_told_ = 0;
  std::unique_ptr<MessageStream<delta::v1::ResolveResponse>> stream_;
  bool ended_ = false;
  std::vector<Header> headers_;
  size_t header_bytes_ = 0;
  size_t locations_ = 0;
  SegmentRunBuilder runs_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_DOWNLOAD_H_
