// Garbage on the port gets a clear error or a close, and the server goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dray/wire/v1/wire.pb.h"
#include "tests/support/files.h"
#include "tests/support/native_peer.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

class HostilePeerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
  }
  // An honest client is served as ever.
  void TearDown() override {
    WriteFile(stack_.Path("file"), "contents");
    const CommandResult put = stack_.Dray({"put", stack_.Path("file"), ":/file"});
    EXPECT_EQ(put.status, 0) << put.err << stack_.transfer().Output();
  }
  // Sends `bytes` and expects the server to close.
  void ExpectClosed(const std::string& bytes) {
    RawSocket socket(stack_.server());
    ASSERT_TRUE(socket.connected());
    socket.Send(bytes);
    bool closed = false;
    socket.ReceiveAll(kPatience, &closed);
    EXPECT_TRUE(closed) << "still open after " << bytes.substr(0, 16);
  }
  // After the greeting, sends `bytes` and expects an Error frame, or a close.
  void ExpectRefused(const std::string& bytes) {
    NativePeer peer(stack_.server());
    ASSERT_TRUE(peer.Greet());
    peer.socket().Send(bytes);
    EXPECT_TRUE(peer.AwaitErrorCode().has_value());
    bool closed = false;
    peer.socket().ReceiveAll(kPatience, &closed);
    EXPECT_TRUE(closed);
  }
  static std::string Header(uint32_t length, uint8_t type, uint8_t flags, uint16_t request) {
    uint8_t bytes[kFrameHeaderBytes];
    EncodeFrameHeader({length, static_cast<FrameType>(type), flags, request}, bytes);
    return std::string(reinterpret_cast<char*>(bytes), sizeof(bytes));
  }
  static std::string Preface() { return std::string(kPreface.begin(), kPreface.end()); }

  Stack stack_;
};

TEST_F(HostilePeerTest, RandomBytes) {
  for (uint64_t seed = 1; seed <= 16; ++seed) {
    std::string noise = RandomText(4096, seed);
    noise[0] = static_cast<char>(0x90 + seed);
    ExpectClosed(noise);
  }
}

TEST_F(HostilePeerTest, OtherProtocols) {
  ExpectClosed("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ExpectClosed("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  ExpectClosed("SSH-2.0-OpenSSH_9.2\r\n");
  ExpectClosed(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) +
               RandomText(501, 1));
  ExpectClosed(std::string(64, '\0'));
}

TEST_F(HostilePeerTest, WrongMajorVersion) {
  std::string preface = Preface();
  preface.back() = 2;
  ExpectClosed(preface + Header(0, 0x01, 0, 0));
}

TEST_F(HostilePeerTest, BrokenPreface) { ExpectClosed("\x89PNG\r\n\x1a\n" + RandomText(100, 3)); }

TEST_F(HostilePeerTest, NoHello) { ExpectClosed(Preface() + Header(0, 0x48, 0, 1)); }

TEST_F(HostilePeerTest, HelloThatIsNoMessage) {
  ExpectClosed(Preface() + Header(5, 0x01, 0, 0) + "\xff\xff\xff\xff\xff");
}

TEST_F(HostilePeerTest, LengthBeyondTheLimit) {
  ExpectRefused(Header(0xFFFFFFFF, 0x48, 0, 1));
  ExpectRefused(Header((1 << 20) + 1, 0x22, 0, 1));
  ExpectClosed(Preface() + Header(0xFFFFFFFF, 0x01, 0, 0));
}

TEST_F(HostilePeerTest, UnknownTypes) {
  NativePeer peer(stack_.server());
  ASSERT_TRUE(peer.Greet());
  peer.socket().Send(Header(0, 0x7E, 0, 1));
  EXPECT_TRUE(peer.AwaitErrorCode().has_value());
}

TEST_F(HostilePeerTest, UnknownTypesThatAreOptionalAreSkipped) {
  NativePeer peer(stack_.server());
  ASSERT_TRUE(peer.Greet());
  peer.socket().Send(Header(4, 0x7E, kOptionalFlag, 0) + "skip");
  peer.Send(FrameType::kStatus, 1, wire::v1::Status());
  const auto answer = peer.Receive();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->header.type, FrameType::kStatusReply);
}

TEST_F(HostilePeerTest, MessagesThatAreNone) {
  for (const uint8_t type : {0x20, 0x28, 0x30, 0x33, 0x40, 0x45}) {
    NativePeer peer(stack_.server());
    ASSERT_TRUE(peer.Greet());
    peer.socket().Send(Header(3, type, 0, 1) + "\xff\xff\xff");
    EXPECT_TRUE(peer.AwaitErrorCode().has_value()) << "type " << int{type};
  }
}

TEST_F(HostilePeerTest, DataThatNobodyAskedFor) {
  ExpectRefused(Header(1000, 0x10, 0, 0) + RandomText(1000, 5));
}

TEST_F(HostilePeerTest, FramesCutShort) {
  for (const size_t kept : {size_t{1}, size_t{7}, size_t{8}, size_t{10}}) {
    RawSocket socket(stack_.server());
    ASSERT_TRUE(socket.connected());
    socket.Send((Preface() + Header(10, 0x01, 0, 0) + "0123").substr(0, kept + 8));
    socket.FinishSending();
    bool closed = false;
    socket.ReceiveAll(kPatience, &closed);
    EXPECT_TRUE(closed) << kept;
  }
}

TEST_F(HostilePeerTest, ManyConnectionsThatSayNothing) {
  std::vector<RawSocket> idle;
  for (int i = 0; i < 200; ++i) {
    idle.emplace_back(stack_.server());
    ASSERT_TRUE(idle.back().connected());
  }
  WriteFile(stack_.Path("other"), "contents");
  EXPECT_EQ(stack_.Dray({"put", stack_.Path("other"), ":/other"}).status, 0);
}

}  // namespace
}  // namespace dray::testing
