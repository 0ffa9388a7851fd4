#include "services/transfer/dialects/front_door.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/file.h"

namespace dray::transfer {
namespace {

constexpr int kPatienceMs = 20'000;

// Knows its clients by a word; answers with its name, a refused one with "no", and closes.
class WordDialect final : public Dialect {
 public:
  WordDialect(std::string name, std::string word)
      : name_(std::move(name)), word_(std::move(word)) {}

  std::string name() const override { return name_; }
  Match Matches(Bytes first) const override {
    const std::string_view text = AsText(first);
    if (text.starts_with(word_)) return Match::kYes;
    return std::string_view(word_).starts_with(text) ? Match::kUndecided : Match::kNo;
  }
  boost::asio::awaitable<void> Serve(AcceptedSocket accepted) override {
    Say(std::move(accepted), name_);
    co_return;
  }
  boost::asio::awaitable<void> Refuse(AcceptedSocket accepted, absl::Status) override {
    Say(std::move(accepted), "no");
    co_return;
  }

 private:
  static void Say(AcceptedSocket accepted, std::string_view text) {
    const int fd = accepted.socket.native_handle();
    char taken[kFirstBytes];
    EXPECT_GT(recv(fd, taken, sizeof(taken), MSG_DONTWAIT), 0);
    EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }

  const std::string name_;
  const std::string word_;
};

class FrontDoorTest : public ::testing::Test {
 protected:
  void Open(FrontDoor::Options options = {}) {
    options.listen = {Address{"127.0.0.1", 0}};
    std::vector<std::unique_ptr<Dialect>> dialects;
    dialects.push_back(std::make_unique<WordDialect>("get", "GET"));
    dialects.push_back(std::make_unique<WordDialect>("gem", "GEM"));
    auto door = FrontDoor::Open(&loops_, std::move(dialects), options);
    ASSERT_TRUE(door.ok()) << door.status();
    door_ = *std::move(door);
  }
  void TearDown() override {
    if (door_) door_->Drain(std::chrono::seconds(10));
    loops_.Stop();
  }

  UniqueFd Connect() {
    const auto address = ParseAddress(door_->addresses()[0]);
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address->port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    return socket;
  }
  static void Send(const UniqueFd& socket, std::string_view bytes) {
    EXPECT_EQ(send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // All until the close; "(open)" when that does not come.
  static std::string ReadAll(const UniqueFd& socket) {
    std::string all;
    while (true) {
      pollfd wait{socket.get(), POLLIN, 0};
      if (poll(&wait, 1, kPatienceMs) <= 0) return "(open)";
      char part[64];
      const ssize_t got = recv(socket.get(), part, sizeof(part), 0);
      if (got <= 0) return all;
      all.append(part, static_cast<size_t>(got));
    }
  }

  EventLoops loops_{2, "loop"};
  std::unique_ptr<FrontDoor> door_;
};

TEST_F(FrontDoorTest, TheFirstBytesChoose) {
  Open();
  const UniqueFd one = Connect(), other = Connect();
  Send(one, "GET x");
  Send(other, "GEM x");
  EXPECT_EQ(ReadAll(one), "get");
  EXPECT_EQ(ReadAll(other), "gem");
}

TEST_F(FrontDoorTest, BytesThatDecideNothingYetAreWaitedFor) {
  Open();
  const UniqueFd socket = Connect();
  Send(socket, "G");
  Send(socket, "E");
  pollfd wait{socket.get(), POLLIN, 0};
  EXPECT_EQ(poll(&wait, 1, 200), 0) << "answered before it could know";
  Send(socket, "M");
  EXPECT_EQ(ReadAll(socket), "gem");
}

TEST_F(FrontDoorTest, WhatNobodyKnowsIsClosed) {
  Open();
  const UniqueFd socket = Connect();
  Send(socket, "SSH-2.0");
  EXPECT_EQ(ReadAll(socket), "");
}

TEST_F(FrontDoorTest, SilenceIsClosed) {
  FrontDoor::Options options;
  options.first_bytes_timeout = std::chrono::milliseconds(100);
  Open(options);
  const UniqueFd silent = Connect(), undecided = Connect();
  Send(undecided, "GE");
  EXPECT_EQ(ReadAll(silent), "");
  EXPECT_EQ(ReadAll(undecided), "");
}

TEST_F(FrontDoorTest, OneMoreThanAllowedIsRefusedInItsOwnDialect) {
  FrontDoor::Options options;
  options.max_connections = 1;
  Open(options);
  const UniqueFd first = Connect();
  Send(first, "G");  // stays undecided, and admitted
  const UniqueFd second = Connect();
  Send(second, "GET");
  EXPECT_EQ(ReadAll(second), "no");
  Send(first, "ET");
  EXPECT_EQ(ReadAll(first), "get");
}

TEST_F(FrontDoorTest, DrainClosesWhatHasNotDecided) {
  Open();
  const UniqueFd socket = Connect();
  Send(socket, "G");
  door_->Drain(std::chrono::seconds(20));
  EXPECT_EQ(ReadAll(socket), "");
  door_.reset();
}

TEST_F(FrontDoorTest, AnAddressInUseIsNamed) {
  Open();
  FrontDoor::Options options;
  options.listen = {*ParseAddress(door_->addresses()[0])};
  const auto second = FrontDoor::Open(&loops_, {}, options);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.status().message(), ::testing::HasSubstr(door_->addresses()[0]));
}

}  // namespace
}  // namespace dray::transfer
