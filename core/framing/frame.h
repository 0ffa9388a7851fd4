#ifndef DRAY_CORE_FRAMING_FRAME_H_
#define DRAY_CORE_FRAMING_FRAME_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/status.h"

namespace google::protobuf {
class MessageLite;
}

namespace dray {

// Frames of the native dialect: docs/format/wire.md, "Frames". Bytes only, no sockets.
inline constexpr std::array<uint8_t, 8> kPreface = {0x89, 0x44, 0x52, 0x41, 0x59, 0x0D, 0x0A, 0x01};
inline constexpr size_t kFrameHeaderBytes = 8;
inline constexpr uint32_t kMaxFramePayloadBytes = 1 << 20;
inline constexpr uint8_t kOptionalFlag = 0x80;

// Default credits: docs/format/wire.md, "Limits".
inline constexpr uint32_t kDefaultRequests = 16;
inline constexpr uint64_t kDefaultUnacknowledgedBytes = 64u << 20;
inline constexpr size_t kMaxBatchItems = 256;
inline constexpr size_t kMaxBatchDataBytes = 8u << 20;

enum class FrameType : uint8_t {
  kHello = 0x01,
  kWelcome = 0x02,
  kError = 0x03,
  kCancel = 0x04,
  kPing = 0x05,
  kPong = 0x06,
  kWorking = 0x07,
  kGoodbye = 0x08,
  kData = 0x10,
  kPutOpen = 0x20,
  kPutOffer = 0x21,
  kPutKnown = 0x22,
  kPutNode = 0x23,
  kPutWanted = 0x24,
  kPutStored = 0x25,
  kPutCommit = 0x26,
  kPutDone = 0x27,
  kPutBatch = 0x28,
  kPutBatchDone = 0x29,
  kPutDelta = 0x2a,
  kPutAgain = 0x2b,
  kGet = 0x30,
  kGetItems = 0x31,
  kGetEnd = 0x32,
  kGetEntries = 0x33,
  kEntries = 0x34,
  kGetNodes = 0x35,
  kNodes = 0x36,
  kGetDelta = 0x37,
  kGetRoots = 0x38,
  kRoots = 0x39,
  kList = 0x40,
  kVersions = 0x41,
  kStat = 0x42,
  kChanged = 0x43,
  kHistory = 0x44,
  kMove = 0x45,
  kDelete = 0x46,
  kRestore = 0x47,
  kStatus = 0x48,
  kStatusReply = 0x49,
  kSetRetention = 0x4a,
  kListRetentions = 0x4b,
  kRetentions = 0x4c,
};

struct FrameHeader {
  uint32_t payload_bytes = 0;
  FrameType type{};
  uint8_t flags = 0;
  uint16_t request = 0;
};

// "PutOpen", or "0x7f" for a type that is none.
std::string FrameTypeName(FrameType type);

// Whether this side knows the type.
bool IsKnownFrameType(FrameType type);

void EncodeFrameHeader(const FrameHeader& header, uint8_t* out);

// INVALID_ARGUMENT, naming type and length, when the payload is longer than `max_payload_bytes`.
// REQUIRES: kFrameHeaderBytes at `in`. Types are not judged here.
absl::StatusOr<FrameHeader> DecodeFrameHeader(const uint8_t* in, uint32_t max_payload_bytes);

// Appends a whole control frame to `out`. REQUIRES: the message fits kMaxFramePayloadBytes.
void AppendControlFrame(FrameType type, uint16_t request,
                        const google::protobuf::MessageLite& message, std::string* out);
// The same with an empty payload: Ping, Working, Cancel, Goodbye.
void AppendEmptyFrame(FrameType type, uint16_t request, std::string* out);

// Parses a control frame's payload; INVALID_ARGUMENT names the type.
absl::Status ParseControl(FrameType type, Bytes payload, google::protobuf::MessageLite* message);

}  // namespace dray

#endif  // DRAY_CORE_FRAMING_FRAME_H_
