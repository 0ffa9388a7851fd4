// Garbage, truncated, oversized and slow input on every port that the services listen on: none of
// them ends, grows or stops serving those who speak properly.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "dray/wire/v1/wire.pb.h"
#include "tests/support/files.h"
#include "tests/support/native_peer.h"
#include "tests/support/socket.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

// What a service may need more after garbage than before: threads' stacks and the allocator's
// arenas, not what the peers sent.
constexpr uint64_t kAllowedGrowthBytes = 48 << 20;

std::string BigEndian(uint64_t value, size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = bytes; i > 0; --i, value >>= 8) text[i - 1] = static_cast<char>(value);
  return text;
}

// ---- HTTP/2 (RFC 9113), as much of it as is needed to say something wrong in it ----

constexpr uint8_t kHttp2Data = 0;
constexpr uint8_t kHttp2Headers = 1;
constexpr uint8_t kHttp2Settings = 4;
constexpr uint8_t kEndStream = 1;
constexpr uint8_t kEndHeaders = 4;

std::string Http2Preface() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; }
std::string Http2Frame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) {
  return BigEndian(payload.size(), 3) + BigEndian(type, 1) + BigEndian(flags, 1) +
         BigEndian(stream, 4) + payload;
}
// One header as HPACK's literal without index and without Huffman's code.
std::string Header(const std::string& name, const std::string& value) {
  return BigEndian(0, 1) + BigEndian(name.size(), 1) + name + BigEndian(value.size(), 1) + value;
}
// The start of a gRPC call of `method`.
std::string CallStart(const std::string& method) {
  return Http2Preface() + Http2Frame(kHttp2Settings, 0, 0, "") +
         Http2Frame(kHttp2Headers, kEndHeaders, 1,
                    Header(":method", "POST") + Header(":scheme", "http") +
                        Header(":path", method) + Header(":authority", "x") +
                        Header("content-type", "application/grpc") + Header("te", "trailers"));
}
// `sent` bytes that claim to be a gRPC message of `length`, in frames of a legal size.
std::string Message(uint32_t length, const std::string& sent) {
  const std::string all = BigEndian(0, 1) + BigEndian(length, 4) + sent;
  std::string frames;
  for (size_t at = 0; at < all.size(); at += 16'000) {
    frames += Http2Frame(kHttp2Data, 0, 1, all.substr(at, 16'000));
  }
  return frames + Http2Frame(kHttp2Data, kEndStream, 1, "");
}

// What nobody should say to a gRPC service.
std::vector<std::string> GrpcGarbage(const std::vector<std::string>& methods, uint64_t seed) {
  std::vector<std::string> all = {
      Http2Preface(),
      Http2Preface().substr(0, 10),
      Http2Preface() + RandomText(2000, seed),
      Http2Preface() + Http2Frame(kHttp2Settings, 0, 0, RandomText(600, seed)),
      Http2Preface() + Http2Frame(kHttp2Settings, 0, 0, "") +
          Http2Frame(kHttp2Headers, kEndHeaders, 1, RandomText(1000, seed)),
      Http2Preface() + Http2Frame(kHttp2Settings, 0, 0, "") + std::string(9, '\xff') +
          RandomText(1 << 20, seed),
      Http2Preface() + Http2Frame(kHttp2Settings, 0, 0, "") +
          Http2Frame(kHttp2Data, 0, 7, RandomText(1000, seed)),
      CallStart("/no.such.Service/Method") + Message(3, "abc")};
  for (const std::string& method : methods) {
    all.push_back(CallStart(method));
    all.push_back(CallStart(method) + Message(0, ""));
    all.push_back(CallStart(method) + Message(5, std::string(5, '\xff')));
    all.push_back(CallStart(method) + Message(200, RandomText(200, seed)));
    all.push_back(CallStart(method) + Message(100, "cut short"));
    all.push_back(CallStart(method) + Message(0xFFFFFFFF, RandomText(60'000, seed)));
    all.push_back(CallStart(method) + Message(5 << 20, RandomText(1 << 20, seed)));
  }
  return all;
}

std::vector<std::string> HttpGarbage(uint64_t seed) {
  const std::string get = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n";
  std::vector<std::string> all = {
      "\r\n\r\n",
      "GET",
      get,
      "GET / HTTP/9.9\r\n\r\n",
      "\xff\xfe / HTTP/1.1\r\n\r\n",
      "GET " + RandomText(1 << 20, seed) + " HTTP/1.1\r\n\r\n",
      "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
      get + "X: " + std::string(1 << 20, 'x') + "\r\n\r\n",
      get + "Content-Length: -1\r\n\r\n",
      get + "Content-Length: 99999999999999999999\r\n\r\n",
      get + "Content-Length: 1000000000\r\n\r\n" + std::string(1 << 20, 'x'),
      get + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n" + std::string(1 << 20, 'x'),
      get + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"};
  std::string many = get;
  for (int i = 0; i < 20'000; ++i) many += "X-" + std::to_string(i) + ": y\r\n";
  all.push_back(many + "\r\n");
  return all;
}

std::vector<std::string> NativeGarbage(uint64_t seed) {
  const std::string preface(kPreface.begin(), kPreface.end());
  const auto frame = [](uint32_t length, uint8_t type, const std::string& payload) {
    return BigEndian(length, 4) + BigEndian(type, 1) + BigEndian(0, 1) + BigEndian(1, 2) + payload;
  };
  std::string hello;
  AppendControlFrame(FrameType::kHello, 0, wire::v1::Hello(), &hello);
  std::vector<std::string> all = {preface,
                                  preface + RandomText(1 << 20, seed),
                                  preface + hello + RandomText(1 << 20, seed),
                                  preface + hello + hello,
                                  preface + hello + frame(1 << 20, 0x10, RandomText(1 << 20, seed)),
                                  preface + hello + frame(100, 0x10, RandomText(100, seed)),
                                  preface + hello + frame(0xFFFFFFFF, 0x28, "")};
  for (int type = 0; type < 256; ++type) {
    all.push_back(preface + hello + frame(200, static_cast<uint8_t>(type), RandomText(200, seed)));
    all.push_back(preface + hello + frame(0, static_cast<uint8_t>(type), ""));
    all.push_back(preface + hello + frame(900'000, static_cast<uint8_t>(type), "cut short"));
  }
  return all;
}

class GarbageTest : public ::testing::Test {
 protected:
  // A port, and what to say to it.
  struct Port {
    std::string name;
    Service* service;
    std::string address;
    std::function<std::vector<std::string>(uint64_t seed)> garbage;
    std::string slow;  // the beginning of something that is right
  };

  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    const auto grpc = [](const std::string& service, const std::vector<std::string>& names) {
      std::vector<std::string> methods = {"/grpc.health.v1.Health/Check"};
      for (const std::string& name : names) methods.push_back("/" + service + "/" + name);
      return [methods](uint64_t seed) { return GrpcGarbage(methods, seed); };
    };
    ports_ = {{"front door", &stack_.transfer(), stack_.server(), NativeGarbage,
               std::string(kPreface.begin(), kPreface.end()) + BigEndian(1000, 4) + '\x01' +
                   std::string(200, '\0')},
              {"transfer's admin", &stack_.transfer(), stack_.transfer().Address("admin"),
               grpc("dray.transfer.v1.Store", {"ScanSegments", "VerifyChunks"}), Http2Preface()},
              {"delta", &stack_.delta(), stack_.delta().Address("grpc"),
               grpc("dray.delta.v1.Delta",
                    {"Compare", "AddChunks", "Commit", "CommitBatch", "Resolve", "List", "Stat",
                     "History", "Move", "Delete", "Restore", "SetRetention", "ListRetentions"}),
               Http2Preface()},
              {"monitor", &stack_.monitor(), stack_.monitor().Address("grpc"),
               grpc("dray.monitor.v1.Monitor", {"Push"}), Http2Preface()},
              {"monitor's pages", &stack_.monitor(), stack_.monitor().Address("http"), HttpGarbage,
               "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(200, 'x')}};
  }
  void TearDown() override { ExpectAllServe(); }

  void ExpectAllServe() {
    for (Service* service : {&stack_.transfer(), &stack_.delta(), &stack_.monitor()}) {
      ASSERT_TRUE(service->running()) << service->Output();
    }
    WriteFile(stack_.Path("file"), RandomText(100'000, 7));
    EXPECT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/file"}).status, 0);
    EXPECT_EQ(stack_.Dray({"get", ":/file", stack_.Target("back")}).status, 0);
    EXPECT_TRUE(SameContents(stack_.Path("file"), stack_.Target("back")));
    std::string status_line;
    HttpGet(stack_.monitor().Address("http"), "/healthz", &status_line);
    EXPECT_THAT(status_line, ::testing::HasSubstr("200"));
    stack_.ExpectSound();  // asks delta's catalog and transfer's admin port
  }
  static uint64_t MemoryBytes(Service* service) {
    std::ifstream statm("/proc/" + std::to_string(service->process().pid()) + "/statm");
    uint64_t pages = 0, resident = 0;
    statm >> pages >> resident;
    return resident * static_cast<uint64_t>(getpagesize());
  }
  std::map<Service*, uint64_t> Memory() {
    std::map<Service*, uint64_t> memory;
    for (const Port& port : ports_) memory[port.service] = MemoryBytes(port.service);
    return memory;
  }
  void ExpectNoGrowthSince(const std::map<Service*, uint64_t>& before) {
    for (const auto& [service, bytes] : before) {
      // What is freed a little later is no growth.
      EXPECT_TRUE(Eventually(absl::Seconds(15),
                             [&, service = service, bytes = bytes] {
                               return MemoryBytes(service) < bytes + kAllowedGrowthBytes;
                             }))
          << bytes << " bytes before, now " << MemoryBytes(service) << ": " << service->Output();
    }
  }
  void SayGarbage(uint64_t seed) {
    for (const Port& port : ports_) {
      for (std::string text : port.garbage(seed)) {
        RawSocket socket(port.address);
        ASSERT_TRUE(socket.connected()) << port.name;
        socket.Send(text);
        socket.FinishSending();
        bool closed = false;
        socket.ReceiveAll(absl::Milliseconds(5), &closed);  // some are never answered
      }
      for (size_t kind = 0; kind < 16; ++kind) {
        RawSocket socket(port.address);
        ASSERT_TRUE(socket.connected()) << port.name;
        socket.Send(RandomText(4096, seed * 16 + kind));
      }
    }
  }

  Stack stack_;
  std::vector<Port> ports_;
};

TEST_F(GarbageTest, NothingEndsOrGrows) {
  SayGarbage(1);
  ASSERT_NO_FATAL_FAILURE(ExpectAllServe());
  const auto before = Memory();
  for (uint64_t seed = 2; seed <= 3; ++seed) SayGarbage(seed);
  ExpectNoGrowthSince(before);
}

// Peers that say a byte now and then take a place, and lose it; meanwhile others are served.
TEST_F(GarbageTest, SlowPeersAreDropped) {
  constexpr int kPeers = 30;
  constexpr absl::Duration kBetween = absl::Milliseconds(100);
  struct Peer {
    const Port* port;
    std::unique_ptr<RawSocket> socket;
  };
  std::vector<Peer> peers;
  for (const Port& port : ports_) {
    for (int i = 0; i < kPeers; ++i) {
      peers.push_back({&port, std::make_unique<RawSocket>(port.address)});
      ASSERT_TRUE(peers.back().socket->connected());
    }
  }
  ASSERT_NO_FATAL_FAILURE(ExpectAllServe());
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  for (size_t said = 0; !peers.empty() && absl::Now() < deadline; ++said) {
    std::erase_if(peers, [&](const Peer& peer) {
      // All but its last byte, again and again, so that nothing is ever said to the end.
      const std::string& text = peer.port->slow;
      if (said + 1 < text.size() && !peer.socket->Send(text.substr(said, 1))) return true;
      bool closed = false;
      peer.socket->ReceiveAll(absl::Milliseconds(2), &closed);
      return closed;
    });
    absl::SleepFor(kBetween);
  }
  std::map<std::string, int> left;
  for (const Peer& peer : peers) ++left[peer.port->name];
  EXPECT_THAT(left, ::testing::IsEmpty()) << "these were never dropped";
}

// Peers that ask for much and read nothing.
TEST_F(GarbageTest, PeersThatDoNotReadCostLittle) {
  constexpr int kPeers = 20;
  WriteRandomFile(stack_.Path("large"), 64 << 20, 1);
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("large"), ":/large"}).status, 0);
  ASSERT_EQ(stack_.Dray({"get", ":/large", stack_.Target("large-back")}).status, 0);
  const auto before = Memory();
  std::vector<std::unique_ptr<NativePeer>> peers;
  wire::v1::Get get;
  get.add_items()->mutable_version()->set_path("large");
  for (int i = 0; i < kPeers; ++i) {
    peers.push_back(std::make_unique<NativePeer>(stack_.server()));
    ASSERT_TRUE(peers.back()->Greet());
    for (uint16_t request = 1; request <= 10; ++request) {
      peers.back()->Send(FrameType::kGet, request, get);
    }
  }
  std::vector<std::unique_ptr<RawSocket>> readers;
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (int i = 0; i < kPeers; ++i) {
    readers.push_back(std::make_unique<RawSocket>(stack_.monitor().Address("http")));
    ASSERT_TRUE(readers.back()->connected());
    readers.back()->Send(requests);
  }
  ASSERT_NO_FATAL_FAILURE(ExpectAllServe());
  ExpectNoGrowthSince(before);
}

}  // namespace
}  // namespace dray::testing
