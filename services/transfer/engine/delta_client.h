#ifndef DRAY_SERVICES_TRANSFER_ENGINE_DELTA_CLIENT_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_DELTA_CLIENT_H_

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "core/base/status.h"
#include "dray/delta/v1/delta.pb.h"

namespace dray::transfer {

// Messages that delta streams. The next one is asked for only when the one before was taken. For
// one coroutine at a time. Its end cancels what is left of the stream.
template <typename Message>
class MessageStream {
 public:
  virtual ~MessageStream() = default;

  // Whether there was one more message; false at the good end. After an error or the end: not
  // again.
  virtual boost::asio::awaitable<absl::StatusOr<bool>> Read(Message* message) = 0;
};

// A session with delta. One coroutine may read while one writes; both on one executor. Its end ends
// the session.
template <typename Request, typename Message>
class TwoWayStream : public MessageStream<Message> {
 public:
  // Returns when the message is on its way. An error is the stream's.
  virtual boost::asio::awaitable<absl::Status> Write(const Request& request) = 0;
  // Makes a reader and a writer return with an error soon.
  virtual void Cancel() = 0;
};
using CompareStream = TwoWayStream<delta::v1::CompareRequest, delta::v1::CompareResponse>;
using BlockStream = TwoWayStream<delta::v1::CompareBlocksRequest, delta::v1::CompareBlocksResponse>;

// The delta service, for coroutines: they go on, on their own executor, when delta has answered.
// Errors name delta's address; UNAVAILABLE when it cannot be reached, at once. Thread-safe.
// `connection_id` is whose call it is, for delta's log; it lives until the call has begun.
class DeltaClient {
 public:
  struct Options {
    std::string address;  // "host:5051"
    // Of calls with one answer, and of each message that is read from a stream; a Compare's reader
    // may have to wait for longer, since it is told only what it asked.
    absl::Duration deadline = absl::Seconds(30);
    // Between questions after delta's health.
    absl::Duration health_period = absl::Seconds(1);
    // Told each change of healthy(), on a thread of its own.
    std::function<void(bool healthy)> on_health;
  };

  explicit DeltaClient(Options options);
  // Shuts down.
  ~DeltaClient();

  std::unique_ptr<CompareStream> Compare(std::string_view connection_id = {});
  std::unique_ptr<BlockStream> CompareBlocks(std::string_view connection_id = {});
  std::unique_ptr<MessageStream<delta::v1::ResolveResponse>> Resolve(
      const delta::v1::ResolveRequest& request, std::string_view connection_id = {});
  std::unique_ptr<MessageStream<delta::v1::VersionsResponse>> List(
      const delta::v1::ListRequest& request, std::string_view connection_id = {});
  std::unique_ptr<MessageStream<delta::v1::VersionsResponse>> History(
      const delta::v1::HistoryRequest& request, std::string_view connection_id = {});

  std::unique_ptr<MessageStream<delta::v1::SegmentUsesResponse>> SegmentUses(
      const delta::v1::SegmentUsesRequest& request, std::string_view connection_id = {});

  boost::asio::awaitable<absl::Status> AddChunks(delta::v1::AddChunksRequest request,
                                                 std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::CommitResponse>> Commit(
      delta::v1::CommitRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::CommitBatchResponse>> CommitBatch(
      delta::v1::CommitBatchRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::ChangedResponse>> Stat(
      delta::v1::StatRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::ChangedResponse>> Move(
      delta::v1::MoveRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::ChangedResponse>> Delete(
      delta::v1::DeleteRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::ChangedResponse>> Restore(
      delta::v1::RestoreRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::VersionsResponse>> FilesWithoutMd5(
      delta::v1::FilesWithoutMd5Request request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::SetMd5sResponse>> SetMd5s(
      delta::v1::SetMd5sRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::ReadNodesResponse>> ReadNodes(
      delta::v1::ReadNodesRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::FindRootsResponse>> FindRoots(
      delta::v1::FindRootsRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::FindChunksResponse>> FindChunks(
      delta::v1::FindChunksRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::MoveChunksResponse>> MoveChunks(
      delta::v1::MoveChunksRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::RetireSegmentsResponse>> RetireSegments(
      delta::v1::RetireSegmentsRequest request, std::string_view connection_id = {});

  boost::asio::awaitable<absl::StatusOr<delta::v1::SetRetentionResponse>> SetRetention(
      delta::v1::SetRetentionRequest request, std::string_view connection_id = {});
  boost::asio::awaitable<absl::StatusOr<delta::v1::ListRetentionsResponse>> ListRetentions(
      delta::v1::ListRetentionsRequest request, std::string_view connection_id = {});

  // Whether delta said that it serves when it was last asked.
  bool healthy() const;
  absl::Duration deadline() const;
  // What to say when delta has not answered for that long.
  absl::Status TookTooLong() const;
  const std::string& address() const;

  // Cancels every call and refuses new ones, with UNAVAILABLE.
  void Shutdown();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_DELTA_CLIENT_H_
