// Headers of frames, and control frames of every type, from any bytes.
#include <google/protobuf/message_lite.h>

#include <cstdlib>
#include <memory>

#include "core/framing/frame.h"
#include "core/testing/fuzz_target.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {
namespace {

using MessagePtr = std::unique_ptr<google::protobuf::MessageLite>;

template <typename Message>
MessagePtr New() {
  return std::make_unique<Message>();
}

// Null for a type whose payload is no message.
MessagePtr NewMessageOf(FrameType type) {
  switch (type) {
    case FrameType::kHello:
      return New<wire::v1::Hello>();
    case FrameType::kWelcome:
      return New<wire::v1::Welcome>();
    case FrameType::kError:
      return New<wire::v1::Error>();
    case FrameType::kPutOpen:
      return New<wire::v1::PutOpen>();
    case FrameType::kPutOffer:
      return New<wire::v1::PutOffer>();
    case FrameType::kPutKnown:
      return New<wire::v1::PutKnown>();
    case FrameType::kPutNode:
      return New<wire::v1::PutNode>();
    case FrameType::kPutWanted:
      return New<wire::v1::PutWanted>();
    case FrameType::kPutStored:
      return New<wire::v1::PutStored>();
    case FrameType::kPutCommit:
      return New<wire::v1::PutCommit>();
    case FrameType::kPutDone:
      return New<wire::v1::PutDone>();
    case FrameType::kPutBatch:
      return New<wire::v1::PutBatch>();
    case FrameType::kPutBatchDone:
      return New<wire::v1::PutBatchDone>();
    case FrameType::kPutDelta:
      return New<wire::v1::PutDelta>();
    case FrameType::kPutAgain:
      return New<wire::v1::PutAgain>();
    case FrameType::kGet:
      return New<wire::v1::Get>();
    case FrameType::kGetItems:
      return New<wire::v1::GetItems>();
    case FrameType::kGetEntries:
      return New<wire::v1::GetEntries>();
    case FrameType::kEntries:
      return New<wire::v1::Entries>();
    case FrameType::kGetNodes:
      return New<wire::v1::GetNodes>();
    case FrameType::kNodes:
      return New<wire::v1::Nodes>();
    case FrameType::kGetRoots:
      return New<wire::v1::GetRoots>();
    case FrameType::kRoots:
      return New<wire::v1::Roots>();
    case FrameType::kGetDelta:
      return New<wire::v1::GetDelta>();
    case FrameType::kList:
      return New<wire::v1::List>();
    case FrameType::kVersions:
      return New<wire::v1::Versions>();
    case FrameType::kStat:
      return New<wire::v1::Stat>();
    case FrameType::kChanged:
      return New<wire::v1::Changed>();
    case FrameType::kHistory:
      return New<wire::v1::History>();
    case FrameType::kMove:
      return New<wire::v1::Move>();
    case FrameType::kDelete:
      return New<wire::v1::Delete>();
    case FrameType::kRestore:
      return New<wire::v1::Restore>();
    case FrameType::kStatusReply:
      return New<wire::v1::StatusReply>();
    default:
      return nullptr;
  }
}

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

std::vector<std::string> FuzzCorpus() {
  std::vector<std::string> corpus(4);
  wire::v1::Hello hello;
  hello.set_software("dray 0.1.0");
  hello.mutable_limits()->set_frame_bytes(1 << 20);
  AppendControlFrame(FrameType::kHello, 0, hello, &corpus[0]);
  wire::v1::PutBatch batch;
  for (int i = 0; i < 3; ++i) {
    auto* item = batch.add_items();
    item->set_path("folder/name");
    item->mutable_metadata()->set_mtime_ns(1'700'000'000'000'000'000);
    item->add_chunks()->set_id(std::string(32, 'c'));
    item->mutable_replaces()->set_number(3);
  }
  AppendControlFrame(FrameType::kPutBatch, 9, batch, &corpus[1]);
  wire::v1::Get get;
  get.add_items()->add_ranges()->set_length(1 << 20);
  AppendControlFrame(FrameType::kGet, 0xFFFF, get, &corpus[2]);
  AppendEmptyFrame(FrameType::kPing, 0, &corpus[3]);
  return corpus;
}

}  // namespace dray

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dray;
  if (size < kFrameHeaderBytes) return 0;
  const auto header = DecodeFrameHeader(data, kMaxFramePayloadBytes);
  if (!header.ok()) return 0;
  Check(header->payload_bytes <= kMaxFramePayloadBytes);
  Check(!FrameTypeName(header->type).empty());
  uint8_t again[kFrameHeaderBytes];
  EncodeFrameHeader(*header, again);
  Check(Bytes(again) == Bytes(data, kFrameHeaderBytes));
  // Whatever length the header states, there is what there is.
  const Bytes payload(data + kFrameHeaderBytes, size - kFrameHeaderBytes);
  const MessagePtr message = NewMessageOf(header->type);
  if (message == nullptr) return 0;
  if (!ParseControl(header->type, payload, message.get()).ok()) return 0;
  if (message->ByteSizeLong() > kMaxFramePayloadBytes) return 0;
  std::string out;
  AppendControlFrame(header->type, header->request, *message, &out);
  Check(out.size() == kFrameHeaderBytes + message->ByteSizeLong());
  return 0;
}
