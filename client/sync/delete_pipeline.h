#ifndef DRAY_CLIENT_SYNC_DELETE_PIPELINE_H_
#define DRAY_CLIENT_SYNC_DELETE_PIPELINE_H_

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "client/call.h"
#include "client/channel.h"
#include "client/retry.h"
#include "core/base/status.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// Deletes names of the server over one connection, many under way: in batches where the server
// knows them, else by a request each, as folders with what is in them always are. Counts what is
// gone and reports what failed to the tracker; a name that is not there is as it should be.
// Survives lost connections. Not thread-safe.
class DeletePipeline {
 public:
  explicit DeletePipeline(const Operation& operation);
  ~DeletePipeline();
  DeletePipeline(const DeletePipeline&) = delete;
  DeletePipeline& operator=(const DeletePipeline&) = delete;

  struct Request {
    std::string path;
    std::string local;  // for reports
    bool recursive = false;
    uint64_t names = 1;  // that go with it, itself included
  };
  // Waits for room. An error means that the server cannot be reached at all. REQUIRES: none of the
  // requests lies beneath another: they are done in any order.
  absl::Status Submit(Request request);
  absl::Status Drain();

 private:
  // What one request to the server is about: one name, or a batch of them.
  struct Flight {
    std::vector<Request> requests;
    std::string operation_id;
    std::unique_ptr<Call> call{};  // once it is sent

    bool batch() const { return requests.size() > 1; }
  };

  bool HasRoom() const;
  // Sends the names that are gathered for a batch.
  absl::Status Flush();
  absl::Status Enter(std::vector<Request> requests);
  // Sends what waits, as far as so many may be under way.
  absl::Status SendWaiting();
  static absl::Status Send(const std::shared_ptr<Connection>& connection, Flight* flight);
  // For a server that knows no batches.
  void SplitBatches();
  // Takes the answer to the oldest flight.
  absl::Status Harvest();
  // Reports what is answered for good and leaves the rest in the flight; an error is why.
  absl::Status Receive(Flight* flight);
  absl::Status ReceiveOne(Flight* flight);
  absl::Status ReceiveBatch(Flight* flight);
  void Report(const Request& request, const absl::Status& answer);

  const Operation operation_;
  ChannelPool::Borrowed channel_;
  Retrier retrier_;
  std::vector<Request> gathered_;
  size_t gathered_bytes_ = 0;
  std::deque<Flight> in_flight_;
  size_t names_in_flight_ = 0;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_DELETE_PIPELINE_H_
