#include "services/transfer/testing/wire_client.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/time/clock.h"
#include "core/net/address.h"

namespace dray::transfer {

absl::Status ToStatus(const wire::v1::Error& error) {
  return absl::Status(static_cast<absl::StatusCode>(error.code()), error.message());
}

WireClient::WireClient(const std::string& address) {
  const auto parsed = ParseAddress(address);
  if (!parsed.ok()) return;
  socket_.Reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(parsed->port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) {
    socket_.Reset();
  }
}

absl::Status WireClient::ReadPreface() {
  char preface[kPreface.size()];
  DRAY_RETURN_IF_ERROR(ReadExactly(preface, sizeof(preface), absl::Now() + absl::Seconds(20)));
  if (std::memcmp(preface, kPreface.data(), sizeof(preface)) != 0) {
    return absl::DataLossError("not the preface");
  }
  return absl::OkStatus();
}

absl::Status WireClient::Greet(const wire::v1::Limits& limits, uint32_t features) {
  SendBytes(AsText(kPreface));
  wire::v1::Hello hello;
  hello.set_software("test");
  *hello.mutable_limits() = limits;
  hello.set_features(features);
  Send(FrameType::kHello, 0, hello);
  DRAY_RETURN_IF_ERROR(ReadPreface());
  return ReadUntil(FrameType::kWelcome).status();
}

bool WireClient::SendBytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool WireClient::Send(FrameType type, uint16_t request,
                      const google::protobuf::MessageLite& message) {
  std::string frame;
  AppendControlFrame(type, request, message, &frame);
  return SendBytes(frame);
}

bool WireClient::SendEmpty(FrameType type, uint16_t request, uint8_t flags) {
  uint8_t header[kFrameHeaderBytes];
  EncodeFrameHeader({.payload_bytes = 0, .type = type, .flags = flags, .request = request}, header);
  return SendBytes(AsText(header));
}

absl::Status WireClient::ReadExactly(char* out, size_t count, absl::Time deadline) {
  while (count > 0) {
    pollfd wait{socket_.get(), POLLIN, 0};
    const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) == 0) {
      return absl::DeadlineExceededError("nothing came");
    }
    const ssize_t got = recv(socket_.get(), out, count, 0);
    if (got <= 0) return absl::UnavailableError("the connection is closed");
    out += got;
    count -= static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::StatusOr<WireClient::Frame> WireClient::ReadAny(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  char head[kFrameHeaderBytes];
  DRAY_RETURN_IF_ERROR(ReadExactly(head, sizeof(head), deadline));
  Frame frame;
  DRAY_ASSIGN_OR_RETURN(frame.header, DecodeFrameHeader(reinterpret_cast<const uint8_t*>(head),
                                                        kMaxFramePayloadBytes));
  frame.payload.resize(frame.header.payload_bytes);
  DRAY_RETURN_IF_ERROR(ReadExactly(frame.payload.data(), frame.payload.size(), deadline));
  return frame;
}

absl::StatusOr<WireClient::Frame> WireClient::Read(absl::Duration timeout) {
  while (true) {
    auto frame = ReadAny(timeout);
    if (!frame.ok() || frame->header.type != FrameType::kWorking) return frame;
  }
}

absl::StatusOr<WireClient::Frame> WireClient::ReadUntil(FrameType type) {
  while (true) {
    DRAY_ASSIGN_OR_RETURN(Frame frame, Read());
    if (frame.header.type == type) return frame;
    if (frame.header.type == FrameType::kError) return ToStatus(frame.As<wire::v1::Error>());
  }
}

absl::StatusOr<WireClient::Frame> WireClient::Call(FrameType type, uint16_t request,
                                                   const google::protobuf::MessageLite& message,
                                                   FrameType answer) {
  Send(type, request, message);
  return ReadUntil(answer);
}

bool WireClient::ReadToEnd(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  char byte;
  while (true) {
    const absl::Status status = ReadExactly(&byte, 1, deadline);
    if (!status.ok()) return absl::IsUnavailable(status);
  }
}

}  // namespace dray::transfer
