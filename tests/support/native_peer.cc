#include "tests/support/native_peer.h"

#include "dray/wire/v1/wire.pb.h"

namespace dray::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);

}  // namespace

bool NativePeer::Greet() {
  std::string greeting(kPreface.begin(), kPreface.end());
  wire::v1::Hello hello;
  hello.set_software("test");
  AppendControlFrame(FrameType::kHello, 0, hello, &greeting);
  if (!socket_.connected() || !socket_.Send(greeting)) return false;
  if (socket_.Receive(kPreface.size(), kPatience) != greeting.substr(0, kPreface.size()))
    return false;
  const auto frame = Receive();
  return frame && frame->header.type == FrameType::kWelcome;
}

bool NativePeer::Send(FrameType type, uint16_t request,
                      const google::protobuf::MessageLite& message) {
  std::string frame;
  AppendControlFrame(type, request, message, &frame);
  return socket_.Send(frame);
}

std::optional<NativePeer::Frame> NativePeer::Receive() {
  const std::string bytes = socket_.Receive(kFrameHeaderBytes, kPatience);
  if (bytes.size() < kFrameHeaderBytes) return std::nullopt;
  const auto header =
      DecodeFrameHeader(reinterpret_cast<const uint8_t*>(bytes.data()), kMaxFramePayloadBytes);
  if (!header.ok()) return std::nullopt;
  Frame frame{*header, socket_.Receive(header->payload_bytes, kPatience)};
  if (frame.payload.size() < header->payload_bytes) return std::nullopt;
  return frame;
}

std::optional<absl::StatusCode> NativePeer::AwaitErrorCode() {
  while (const auto frame = Receive()) {
    if (frame->header.type == FrameType::kError) {
      wire::v1::Error error;
      if (!error.ParseFromString(frame->payload)) return std::nullopt;
      return static_cast<absl::StatusCode>(error.code());
    }
    if (frame->header.type == FrameType::kPutBatchDone) {
      wire::v1::PutBatchDone done;
      if (!done.ParseFromString(frame->payload) || done.answers_size() == 0) return std::nullopt;
      return static_cast<absl::StatusCode>(done.answers(0).error().code());
    }
  }
  return std::nullopt;
}

}  // namespace dray::testing
