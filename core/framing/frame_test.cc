#include "core/framing/frame.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "dray/wire/v1/wire.pb.h"

namespace dray {
namespace {

const uint8_t* Data(const std::string& text) { return AsBytes(text).data(); }

TEST(FrameHeader, BytesAreAsDocumented) {
  uint8_t bytes[kFrameHeaderBytes];
  EncodeFrameHeader({.payload_bytes = 0x01020304 & 0xFFFFF,
                     .type = FrameType::kPutOpen,
                     .flags = kOptionalFlag,
                     .request = 0xABCD},
                    bytes);
  EXPECT_EQ(AsText(bytes), std::string("\x00\x02\x03\x04\x20\x80\xab\xcd", 8));
  auto header = DecodeFrameHeader(bytes, kMaxFramePayloadBytes);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->payload_bytes, 0x20304u);
  EXPECT_EQ(header->type, FrameType::kPutOpen);
  EXPECT_EQ(header->flags, kOptionalFlag);
  EXPECT_EQ(header->request, 0xABCD);
}

TEST(FrameHeader, PayloadBeyondTheLimitIsRefusedByName) {
  uint8_t bytes[kFrameHeaderBytes];
  EncodeFrameHeader({.payload_bytes = 1001, .type = FrameType::kGet}, bytes);
  EXPECT_TRUE(DecodeFrameHeader(bytes, 1001).ok());
  const absl::Status refused = DecodeFrameHeader(bytes, 1000).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(refused.message().find("Get"), absl::string_view::npos) << refused;
  EXPECT_NE(refused.message().find("1001"), absl::string_view::npos) << refused;
}

TEST(FrameHeader, UnknownTypesAreLeftToTheReceiver) {
  uint8_t bytes[kFrameHeaderBytes];
  EncodeFrameHeader({.type = static_cast<FrameType>(0x7F)}, bytes);
  auto header = DecodeFrameHeader(bytes, kMaxFramePayloadBytes);
  ASSERT_TRUE(header.ok());
  EXPECT_FALSE(IsKnownFrameType(header->type));
  EXPECT_EQ(FrameTypeName(header->type), "0x7f");
}

TEST(FrameType, NamesAreUniqueAndKnown) {
  std::set<std::string> names;
  int known = 0;
  for (int type = 0; type < 256; ++type) {
    names.insert(FrameTypeName(static_cast<FrameType>(type)));
    known += IsKnownFrameType(static_cast<FrameType>(type));
  }
  EXPECT_EQ(names.size(), 256u);
  EXPECT_EQ(known, 44);
  EXPECT_EQ(FrameTypeName(FrameType::kPutBatchDone), "PutBatchDone");
}

TEST(ControlFrame, RoundTripsBehindWhatIsThereAlready) {
  wire::v1::PutOpen open;
  open.set_path("a/b");
  open.set_operation_id("0123456789abcdef");
  std::string out = "before";
  AppendControlFrame(FrameType::kPutOpen, 7, open, &out);
  AppendEmptyFrame(FrameType::kPing, 0, &out);

  ASSERT_EQ(out.substr(0, 6), "before");
  auto header = DecodeFrameHeader(Data(out) + 6, kMaxFramePayloadBytes);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->request, 7);
  EXPECT_EQ(header->flags, 0);
  ASSERT_EQ(out.size(), 6 + 2 * kFrameHeaderBytes + header->payload_bytes);
  wire::v1::PutOpen parsed;
  ASSERT_TRUE(ParseControl(header->type,
                           AsBytes(out).subspan(6 + kFrameHeaderBytes, header->payload_bytes),
                           &parsed)
                  .ok());
  EXPECT_EQ(parsed.path(), "a/b");
  auto ping = DecodeFrameHeader(Data(out) + out.size() - kFrameHeaderBytes, 0);
  ASSERT_TRUE(ping.ok());
  EXPECT_EQ(ping->type, FrameType::kPing);
  EXPECT_EQ(ping->payload_bytes, 0u);
}

TEST(ControlFrame, GarbageIsRefusedByName) {
  wire::v1::PutOpen parsed;
  const absl::Status refused =
      ParseControl(FrameType::kPutOpen, AsBytes("\xff\xff\xff garbage"), &parsed);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(refused.message().find("PutOpen"), absl::string_view::npos) << refused;
}

TEST(ControlFrame, EmptyPayloadIsTheEmptyMessage) {
  wire::v1::GetEnd parsed;
  EXPECT_TRUE(ParseControl(FrameType::kGetEnd, {}, &parsed).ok());
}

}  // namespace
}  // namespace dray
