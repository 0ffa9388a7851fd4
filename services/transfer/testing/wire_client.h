#ifndef DRAY_SERVICES_TRANSFER_TESTING_WIRE_CLIENT_H_
#define DRAY_SERVICES_TRANSFER_TESTING_WIRE_CLIENT_H_

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "core/base/file.h"
#include "core/base/status.h"
#include "core/framing/frame.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray::transfer {

// One connection in the native dialect, frame by frame, which keeps no rule by itself. Blocks; for
// one thread.
class WireClient {
 public:
  struct Frame {
    FrameHeader header;
    std::string payload;

    // A message that does not parse is empty.
    template <typename Message>
    Message As() const {
      Message message;
      if (!message.ParseFromString(payload)) message.Clear();
      return message;
    }
  };

  // Connects to "127.0.0.1:port"; a failure shows at the first Read().
  explicit WireClient(const std::string& address);

  // Both prefaces, Hello and Welcome.
  absl::Status Greet(const wire::v1::Limits& limits = {}, uint32_t features = 0);
  absl::Status ReadPreface();

  // False when the connection is broken.
  bool SendBytes(std::string_view bytes);
  bool Send(FrameType type, uint16_t request, const google::protobuf::MessageLite& message);
  bool SendEmpty(FrameType type, uint16_t request, uint8_t flags = 0);

  // The next frame; UNAVAILABLE when the connection is closed, DEADLINE_EXCEEDED after the timeout.
  absl::StatusOr<Frame> ReadAny(absl::Duration timeout = absl::Seconds(20));
  // The next frame but Working.
  absl::StatusOr<Frame> Read(absl::Duration timeout = absl::Seconds(20));
  // The next frame for which it is either `type` or an Error, which is returned as a status; others
  // are skipped.
  absl::StatusOr<Frame> ReadUntil(FrameType type);
  // Sends a request and reads its one answer of `type`.
  absl::StatusOr<Frame> Call(FrameType type, uint16_t request,
                             const google::protobuf::MessageLite& message, FrameType answer);
  // Reads until the connection is closed; whether that came in time.
  bool ReadToEnd(absl::Duration timeout = absl::Seconds(20));

  void Close() { socket_.Reset(); }
  int fd() const { return socket_.get(); }

 private:
  absl::Status ReadExactly(char* out, size_t count, absl::Time deadline);

  UniqueFd socket_;
};

// What an Error frame says; its `retry` is a payload nobody needs here.
absl::Status ToStatus(const wire::v1::Error& error);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_TESTING_WIRE_CLIENT_H_
