#ifndef DRAY_CLIENT_GROUP_GET_H_
#define DRAY_CLIENT_GROUP_GET_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "client/channel.h"
#include "client/download.h"
#include "client/jobs.h"
#include "client/old_copy.h"
#include "core/base/status.h"

namespace dray {

// Gets small files over one connection, several requests under way: whole, or what their older
// copies lack. Reports each file to the tracker. Survives lost connections. Not thread-safe.
class GroupGet {
 public:
  GroupGet(const Operation& operation, Channel* channel, const GetOptions& options);
  GroupGet(const GroupGet&) = delete;
  GroupGet& operator=(const GroupGet&) = delete;

  // Waits for room, asks. An error means that the server cannot be reached at all: then the files
  // under way are reported as failed. REQUIRES: at most kMaxBatchItems files; CheckVersion was OK
  // for each.
  absl::Status Submit(std::vector<SmallGet> files);
  absl::Status Drain();

 private:
  struct Flight {
    std::vector<SmallGet> files;  // those not finished yet
    std::unique_ptr<Download> download;
  };

  absl::Status Start(Flight* flight);
  void NameOldCopies(Flight* flight, wire::v1::Get* get);
  absl::Status Harvest();
  // What is left of the oldest flight, whose answer was received whole, is asked for.
  void AskAgain();
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
