// The classic dialects over a link with 100 ms of latency that loses packets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

#include "tests/support/classic_clients.h"
#include "tests/support/files.h"
#include "tests/support/link.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kBlock = 4096;
constexpr absl::Duration kPatience = absl::Minutes(2);

void RunSmart(const std::string& server) {
  SmartClient client(server, kPatience);
  ASSERT_TRUE(client.socket().connected());
  const std::string text = RandomText(60 * kBlock, 1);
  EXPECT_EQ(client.Upload("smart", text), "");
  EXPECT_THAT(client.List(), HasSubstr("smart"));
  std::string data;
  EXPECT_EQ(client.Download("smart", &data), "");
  EXPECT_TRUE(data == text);
  std::string changed = text;
  changed[0]++;
  changed[7 * kBlock]++;
  const auto delta = client.UploadDelta("smart", changed);
  EXPECT_EQ(delta.answer, "INTEGRITY_OK");
  EXPECT_THAT(delta.missing, ElementsAre(0, 7));
  EXPECT_EQ(client.UploadDelta("smart", changed).answer, "INTEGRITY_OK");
  EXPECT_EQ(client.Download("smart", &data, kBlock, true), "");
  EXPECT_TRUE(data == changed.substr(kBlock));
  EXPECT_EQ(client.Download("nothing", &data), "NOT_FOUND");
  EXPECT_EQ(client.Ask("UPLOAD x"), "OK");
  EXPECT_EQ(client.Ask("y"), "ERROR_INVALID_SIZE");
}

void RunRobust(const std::string& server, const std::string& text) {
  for (int i = 0; i < 3; ++i) {
    const RobustAnswer answer = RobustGet(server, "robust", kPatience);
    EXPECT_TRUE(answer.whole()) << answer.error;
    EXPECT_TRUE(answer.data == text);
    EXPECT_THAT(RobustGet(server, "nothing", kPatience).error, HasSubstr("nothing"));
  }
}

// Moves the calling thread to the link's other end.
void EnterClient(const Link& link) {
  ASSERT_EQ(setns(link.client_namespace(), CLONE_NEWNET), 0) << strerror(errno);
}

TEST(ClassicLinkTest, EveryAnswerIsReadAlone) {
  Link link;
  Stack stack({.transfer_flags = {}, .host = Link::server_host()});
  stack.Start();
  ASSERT_FALSE(::testing::Test::HasFatalFailure());
  const std::string text = RandomText(300'000, 2);
  WriteFile(stack.Path("robust"), text);
  ASSERT_EQ(stack.Dray({"put", stack.Path("robust"), ":/robust"}).status, 0);
  const std::string server = stack.server();
  link.Set({.latency = absl::Milliseconds(100), .loss = 0.01});
  std::thread smart([&] {
    EnterClient(link);
    RunSmart(server);
  });
  std::thread robust([&] {
    EnterClient(link);
    RunRobust(server, text);
  });
  smart.join();
  robust.join();
}

}  // namespace
}  // namespace dray::testing
