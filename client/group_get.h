#ifndef DRAY_CLIENT_GROUP_GET_H_
#define DRAY_CLIENT_GROUP_GET_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "client/channel.h"
#include "client/download.h"
#include "client/incoming_file.h"
#include "client/jobs.h"
#include "core/base/status.h"

namespace dray {

void ReportFile(Tracker* tracker, const Channel& channel, const RemoteFile& file,
                FileReport::Outcome outcome, const absl::Status& status = absl::OkStatus());

// Opens what stands at the file's target when that is a regular file; NOT_FOUND or
// FAILED_PRECONDITION otherwise.
absl::StatusOr<UniqueFd> OpenExisting(const RemoteFile& file);

// Gets small files, whole, over one connection, several requests under way. Reports each file to
// the tracker. Survives lost connections. Not thread-safe.
class GroupGet {
 public:
  GroupGet(const Operation& operation, Channel* channel, const GetOptions& options);
  GroupGet(const GroupGet&) = delete;
  GroupGet& operator=(const GroupGet&) = delete;

  // Waits for room, asks. An error means that the server cannot be reached at all: then the files
  // under way are reported as failed. REQUIRES: at most kMaxBatchItems files; CheckVersion was OK
  // for each.
  absl::Status Submit(std::vector<RemoteFile> files);
  absl::Status Drain();

 private:
  struct Flight {
    std::vector<RemoteFile> files;  // those not finished yet
    std::unique_ptr<Download> download;
  };

  absl::Status Start(Flight* flight);
  absl::Status Harvest();
  // Receives the flight's files; finished and failed ones are reported and leave it.
  absl::Status Receive(Flight* flight);
  absl::Status OnLost(const absl::Status& status);
  void ForgetDownloads();
  // A request that is refused as a whole: which file it is about shows when each is asked for
  // alone.
  void AskOneByOne(Flight flight);
  void FailFiles(const Flight& flight, const absl::Status& status);

  const Operation operation_;
  Channel* const channel_;
  const GetOptions options_;
  Retrier retrier_;
  std::deque<Flight> in_flight_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_GROUP_GET_H_
