#ifndef DRAY_TESTS_SUPPORT_NATIVE_PEER_H_
#define DRAY_TESTS_SUPPORT_NATIVE_PEER_H_

#include <google/protobuf/message_lite.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/framing/frame.h"
#include "tests/support/socket.h"

namespace dray::testing {

// A client of the native dialect that keeps to no rule but the ones a test wants kept.
class NativePeer {
 public:
  explicit NativePeer(const std::string& address) : socket_(address) {}

  RawSocket& socket() { return socket_; }
  // Preface and Hello; whether a Welcome came.
  bool Greet();
  bool Send(FrameType type, uint16_t request, const google::protobuf::MessageLite& message);

  struct Frame {
    FrameHeader header;
    std::string payload;
  };
  // The next frame, whatever it is; nothing when the server closed or was silent for 10 s.
  std::optional<Frame> Receive();
  // The code of the first error that comes: of a frame, or of an item of a batch's answer. Nothing
  // if the server closes or answers with success.
  std::optional<absl::StatusCode> AwaitErrorCode();

 private:
  RawSocket socket_;
};

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_NATIVE_PEER_H_
