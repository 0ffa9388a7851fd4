// The robust dialect, with a client that reads as the old one does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/classic_clients.h"
#include "tests/support/files.h"
#include "tests/support/socket.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class RobustTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
  }
  void Put(const std::string& text, const std::string& remote) {
    WriteFile(stack_.Path("source"), text);
    const CommandResult put = stack_.Dray({"put", stack_.Path("source"), ":/" + remote});
    ASSERT_EQ(put.status, 0) << put.err;
  }
  RobustAnswer Get(std::string_view name) { return RobustGet(stack_.server(), name); }

  Stack stack_{Stack::Options{.transfer_flags = {"--listen", "[::1]:0"}}};
};

TEST_F(RobustTest, GetsWhatTheNativeDialectPut) {
  const std::string text = RandomText(3'000'000, 1) + std::string(1'000'000, 'z');
  Put(text, "folder/name.bin");
  const RobustAnswer answer = Get("folder/name.bin");
  ASSERT_TRUE(answer.whole()) << answer.error;
  EXPECT_EQ(answer.name, "name.bin");
  EXPECT_EQ(answer.data, text);
  Put("newer", "folder/name.bin");
  EXPECT_EQ(Get("folder/name.bin").data, "newer");
  Put("", "empty");
  const RobustAnswer empty = Get("empty");
  EXPECT_TRUE(empty.whole()) << empty.error;
  EXPECT_EQ(empty.size, 0u);
  Put("x", "\xC3\xA4 with blanks");
  EXPECT_EQ(Get("\xC3\xA4 with blanks").name, "\xC3\xA4 with blanks");
}

TEST_F(RobustTest, ServesIpv6) {
  Put("over IPv6", "file");
  const auto addresses = stack_.transfer().Addresses("listen");
  ASSERT_EQ(addresses.size(), 2u);
  const RobustAnswer answer = RobustGet(addresses[1], "file");
  EXPECT_TRUE(answer.whole()) << answer.error;
  EXPECT_EQ(answer.data, "over IPv6");
}

TEST_F(RobustTest, ARequestMayComeOneByteAtATime) {
  Put("slowly", "file");
  BareSocket socket(stack_.server());
  ASSERT_TRUE(socket.SendSlowly(RobustRequest("file"), absl::Milliseconds(30)));
  const RobustAnswer answer = ReadRobustAnswer(socket);
  EXPECT_TRUE(answer.whole()) << answer.error;
  EXPECT_EQ(answer.data, "slowly");
}

TEST_F(RobustTest, WhatIsWrongIsToldAndLogged) {
  Put("x", "folder/file");
  const struct {
    std::string name;
    std::string message;
  } cases[] = {
      {"nothing", "nothing"},           {"folder", "not a file"}, {"../etc/passwd", ".."},
      {"/folder/file", "absolute"},     {"\xFF\xFE", "UTF-8"},    {"", "empty"},
      {std::string(5000, 'n'), "5000"},
  };
  for (const auto& [name, message] : cases) {
    const RobustAnswer answer = Get(name);
    EXPECT_FALSE(answer.ok) << name;
    EXPECT_THAT(answer.error, HasSubstr(message));
    EXPECT_LE(answer.error.size(), 1024u);
    EXPECT_THAT(stack_.transfer().Output(), HasSubstr(message));
  }
  EXPECT_TRUE(Get("folder/file").whole());
}

// The line's form is that of the old server's log.
TEST_F(RobustTest, EveryTenthOfATransferIsLogged) {
  Put(RandomText(20 << 20, 2), "file");
  ASSERT_TRUE(Get("file").whole());
  const std::string log = stack_.transfer().Output();
  for (int percent = 10; percent <= 100; percent += 10) {
    EXPECT_THAT(log, ContainsRegex(absl::StrCat("[0-9-]+ [0-9:]+ - loop-[0-9]+ - INFO - [^\n]*"
                                                "download of file: ",
                                                percent, "% ")));
  }
  const auto in_file = [&] {
    for (const auto& entry :
         std::filesystem::directory_iterator(stack_.scratch().Path("logs-transfer"))) {
      const std::string name = entry.path().filename().string();
      EXPECT_THAT(name, ContainsRegex("^server_[0-9]{8}_[0-9]{6}.*\\.log$"));
      if (absl::StrContains(ReadFile(entry.path().string()), "download of file: 50% ")) return true;
    }
    return false;
  };
  EXPECT_TRUE(Eventually(absl::Seconds(10), in_file));
}

TEST_F(RobustTest, ClientsThatVanishFreeWhatTheyHeld) {
  Put(RandomText(64 << 20, 3), "file");
  for (int i = 0; i < 20; ++i) {
    BareSocket socket(stack_.server());
    ASSERT_TRUE(
        socket.Send(i % 4 == 0 ? RobustRequest("file").substr(0, 6) : RobustRequest("file")));
    if (i % 4 > 1) {
      ASSERT_EQ(socket.Recv(5), "OK");
    }
    if (i % 4 == 3) socket.RecvExactly(100'000);
    if (i % 2 == 1) socket.Reset();
  }
  const auto held = [&](const std::string& name) { return stack_.Metric(name, "robust"); };
  EXPECT_TRUE(Eventually(absl::Seconds(20), [&] { return held("dray_connections_total") >= 10; }));
  EXPECT_TRUE(Eventually(absl::Seconds(60), [&] {
    return held("dray_connections_active") == 0 && held("dray_transfers_in_progress") == 0;
  }));
  EXPECT_GT(held("dray_bytes_sent_total"), 0);
}

// Killed between the commit and the MD5, or after it: what is missing is computed.
TEST_F(RobustTest, AnMd5IsThereAfterAKill) {
  Put(RandomText(1 << 20, 4), "one");
  stack_.transfer().Kill();
  stack_.transfer().Start();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_TRUE(Get("one").whole());
}

TEST_F(RobustTest, SaysWhenDeltaIsDown) {
  Put("x", "file");
  stack_.delta().Kill();
  const RobustAnswer answer = Get("file");
  EXPECT_FALSE(answer.ok);
  EXPECT_THAT(answer.error, HasSubstr("delta"));
  stack_.delta().Start();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_TRUE(Eventually(absl::Seconds(30), [&] { return Get("file").whole(); }));
}

TEST_F(RobustTest, StopsGracefullyUnderATransfer) {
  Put(RandomText(32 << 20, 5), "file");
  BareSocket busy(stack_.server());
  ASSERT_TRUE(busy.Send(RobustRequest("file")));
  ASSERT_EQ(busy.Recv(5), "OK");
  BareSocket idle(stack_.server());
  ASSERT_TRUE(idle.Send(std::string(1, '\0')));
  stack_.transfer().process().Signal(SIGINT);
  EXPECT_EQ(idle.Recv(5), "");
  // What was begun is finished.
  const std::string head = busy.RecvExactly(4 + 4 + 8 + 32);
  EXPECT_EQ(Md5Hex(busy.RecvExactly(32 << 20)), head.substr(16));
  const auto ended = stack_.transfer().process().Wait(absl::Seconds(60));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->status(), 0);
}

// docs/classic-clients.md: what the old client did, `dray get` does.
TEST_F(RobustTest, OurClientOffersWhatTheOldOneDid) {
  Put(RandomText(3'000'000, 6), "file");
  const std::string logs = stack_.Path("logs");
  const std::string back = stack_.Target("back");
  ASSERT_EQ(stack_.Dray({"get", ":/file", back, "--log", logs}).status, 0);
  EXPECT_EQ(ReadFile(back), RandomText(3'000'000, 6));
  const std::string server = stack_.server();
  stack_.transfer().Stop();
  const CommandResult failed =
      stack_.Dray({"--retries", "1", "get", ":/file", back, "--log", logs}, {.server = server});
  EXPECT_EQ(failed.status, 1);
  EXPECT_THAT(failed.err, HasSubstr("trying again in 1s (retry 1 of 1)"));
  EXPECT_EQ(ReadFile(back), RandomText(3'000'000, 6));
  std::string text;
  for (const auto& entry : std::filesystem::directory_iterator(logs)) {
    EXPECT_THAT(entry.path().filename().string(),
                ContainsRegex("^client_[0-9]{8}_[0-9]{6}(_[0-9]+)?\\.log$"));
    text += ReadFile(entry.path().string());
  }
  const std::string begin = "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} - [^ ]+ - ";
  EXPECT_THAT(text, ContainsRegex(begin + "INFO - .*\"file\""));
  EXPECT_THAT(text, ContainsRegex(begin + "WARNING - .*trying again in 1s"));
  EXPECT_THAT(text, ContainsRegex(begin + "ERROR - "));
}

TEST(RobustOffTest, CanBeSwitchedOff) {
  Stack stack({.transfer_flags = {"--dialects", "native,smart"}});
  stack.Start();
  ASSERT_FALSE(::testing::Test::HasFatalFailure());
  BareSocket socket(stack.server());
  ASSERT_TRUE(socket.Send(RobustRequest("file")));
  EXPECT_EQ(socket.Recv(5), "");
  EXPECT_TRUE(Eventually(absl::Seconds(10), [&] {
    return absl::StrContains(stack.transfer().Output(), "no dialect begins with");
  }));
  EXPECT_EQ(stack.Dray({"status"}).status, 0);
}

}  // namespace
}  // namespace dray::testing
