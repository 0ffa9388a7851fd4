#include "core/framing/frame.h"

#include <google/protobuf/message_lite.h>

#include <cassert>

#include "absl/strings/str_format.h"

namespace dray {
namespace {

// Null for a type that is none.
const char* KnownName(FrameType type) {
  switch (type) {
    case FrameType::kHello:
      return "Hello";
    case FrameType::kWelcome:
      return "Welcome";
    case FrameType::kError:
      return "Error";
    case FrameType::kCancel:
      return "Cancel";
    case FrameType::kPing:
      return "Ping";
    case FrameType::kPong:
      return "Pong";
    case FrameType::kWorking:
      return "Working";
    case FrameType::kGoodbye:
      return "Goodbye";
    case FrameType::kData:
      return "Data";
    case FrameType::kPutOpen:
      return "PutOpen";
    case FrameType::kPutOffer:
      return "PutOffer";
    case FrameType::kPutKnown:
      return "PutKnown";
    case FrameType::kPutNode:
      return "PutNode";
    case FrameType::kPutWanted:
      return "PutWanted";
    case FrameType::kPutStored:
      return "PutStored";
    case FrameType::kPutCommit:
      return "PutCommit";
    case FrameType::kPutDone:
      return "PutDone";
    case FrameType::kPutBatch:
      return "PutBatch";
    case FrameType::kPutBatchDone:
      return "PutBatchDone";
    case FrameType::kPutDelta:
      return "PutDelta";
    case FrameType::kPutAgain:
      return "PutAgain";
    case FrameType::kGet:
      return "Get";
    case FrameType::kGetItems:
      return "GetItems";
    case FrameType::kGetEnd:
      return "GetEnd";
    case FrameType::kGetEntries:
      return "GetEntries";
    case FrameType::kEntries:
      return "Entries";
    case FrameType::kGetNodes:
      return "GetNodes";
    case FrameType::kNodes:
      return "Nodes";
    case FrameType::kGetDelta:
      return "GetDelta";
    case FrameType::kGetRoots:
      return "GetRoots";
    case FrameType::kRoots:
      return "Roots";
    case FrameType::kList:
      return "List";
    case FrameType::kVersions:
      return "Versions";
    case FrameType::kStat:
      return "Stat";
    case FrameType::kChanged:
      return "Changed";
    case FrameType::kHistory:
      return "History";
    case FrameType::kMove:
      return "Move";
    case FrameType::kDelete:
      return "Delete";
    case FrameType::kRestore:
      return "Restore";
    case FrameType::kStatus:
      return "Status";
    case FrameType::kStatusReply:
      return "StatusReply";
    case FrameType::kSetRetention:
      return "SetRetention";
    case FrameType::kListRetentions:
      return "ListRetentions";
    case FrameType::kRetentions:
      return "Retentions";
  }
  return nullptr;
}

}  // namespace

std::string FrameTypeName(FrameType type) {
  if (const char* name = KnownName(type)) return name;
  return absl::StrFormat("0x%02x", static_cast<unsigned>(type));
}

bool IsKnownFrameType(FrameType type) { return KnownName(type) != nullptr; }

void EncodeFrameHeader(const FrameHeader& header, uint8_t* out) {
  StoreBigEndian<uint32_t>(out, header.payload_bytes);
  out[4] = static_cast<uint8_t>(header.type);
  out[5] = header.flags;
  StoreBigEndian<uint16_t>(out + 6, header.request);
}

absl::StatusOr<FrameHeader> DecodeFrameHeader(const uint8_t* in, uint32_t max_payload_bytes) {
  FrameHeader header;
  header.payload_bytes = LoadBigEndian<uint32_t>(in);
  header.type = static_cast<FrameType>(in[4]);
  header.flags = in[5];
  header.request = LoadBigEndian<uint16_t>(in + 6);
  if (header.payload_bytes > max_payload_bytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("frame of type %s has a payload of %u bytes; at most %u are allowed",
                        FrameTypeName(header.type), header.payload_bytes, max_payload_bytes));
  }
  return header;
}

void AppendControlFrame(FrameType type, uint16_t request,
                        const google::protobuf::MessageLite& message, std::string* out) {
  const size_t payload_bytes = message.ByteSizeLong();
  assert(payload_bytes <= kMaxFramePayloadBytes);
  const size_t start = out->size();
  out->resize(start + kFrameHeaderBytes + payload_bytes);
  auto* at = reinterpret_cast<uint8_t*>(out->data()) + start;
  EncodeFrameHeader({.payload_bytes = static_cast<uint32_t>(payload_bytes),
                     .type = type,
                     .flags = 0,
                     .request = request},
                    at);
  message.SerializeWithCachedSizesToArray(at + kFrameHeaderBytes);
}

void AppendEmptyFrame(FrameType type, uint16_t request, std::string* out) {
  uint8_t header[kFrameHeaderBytes];
  EncodeFrameHeader({.payload_bytes = 0, .type = type, .flags = 0, .request = request}, header);
  out->append(reinterpret_cast<const char*>(header), sizeof(header));
}

absl::Status ParseControl(FrameType type, Bytes payload, google::protobuf::MessageLite* message) {
  if (payload.size() > kMaxFramePayloadBytes ||
      !message->ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the payload (%d bytes) of a frame of type %s is no valid %s message",
                        payload.size(), FrameTypeName(type), message->GetTypeName()));
  }
  return absl::OkStatus();
}

}  // namespace dray
