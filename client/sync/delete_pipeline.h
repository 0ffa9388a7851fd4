#ifndef DRAY_CLIENT_SYNC_DELETE_PIPELINE_H_
#define DRAY_CLIENT_SYNC_DELETE_PIPELINE_H_

#include <deque>
#include <memory>
#include <string>

#include "client/call.h"
#include "client/channel.h"
#include "client/retry.h"
#include "core/base/status.h"

namespace dray {

// Deletes names of the server over one connection, many requests under way. Counts what is gone and
// reports what failed to the tracker; a name that is not there is as it should be. Survives lost
// connections. Not thread-safe.
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
  // Waits for room. An error means that the server cannot be reached at all.
  absl::Status Submit(Request request);
  absl::Status Drain();

 private:
  struct Flight {
    Request request;
    std::string operation_id;
    std::unique_ptr<Call> call;
  };

  absl::Status Send(Flight* flight);
  absl::Status Harvest();
  void Report(const Request& request, const absl::Status& status);

  const Operation operation_;
  ChannelPool::Borrowed channel_;
  Retrier retrier_;
  std::deque<Flight> in_flight_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_DELETE_PIPELINE_H_
