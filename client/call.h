#ifndef DRAY_CLIENT_CALL_H_
#define DRAY_CLIENT_CALL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/connection.h"
#include "core/base/status.h"
#include "core/framing/frame.h"

namespace google::protobuf {
class MessageLite;
}

namespace dray {

// A request answered by control frames of one type. Destroying it before the last answer gives it
// up: the answers are then ignored. Keeps its connection alive. Not thread-safe.
class Call {
 public:
  // Sends `frames`, made for the request id it is given, and anything that belongs to them.
  static absl::StatusOr<std::unique_ptr<Call>> Start(
      std::shared_ptr<Connection> connection, FrameType answer_type,
      const std::function<absl::Status(uint16_t request)>& send);
  // Sends one control frame.
  static absl::StatusOr<std::unique_ptr<Call>> Start(std::shared_ptr<Connection> connection,
                                                     FrameType type,
                                                     const google::protobuf::MessageLite& message,
                                                     FrameType answer_type);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Waits for the next answer.
  absl::Status Receive(google::protobuf::MessageLite* answer);
  // After a failure of Receive: whether the connection was lost, with every request on it. Else the
  // failure is this call's own, whatever has become of the connection since.
  bool lost() const { return lost_; }

 private:
  class Answers;
  Call(std::shared_ptr<Connection> connection, std::shared_ptr<Answers> answers, uint16_t request);

  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<Answers> answers_;
  const uint16_t request_;
  bool lost_ = false;
};

}  // namespace dray

#endif  // DRAY_CLIENT_CALL_H_
