// One connection's id, wherever an operator may meet it: error frames, what `dray` says, the log
// lines of transfer, delta and the client, events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dray/wire/v1/wire.pb.h"
#include "tests/support/files.h"
#include "tests/support/native_peer.h"
#include "tests/support/socket.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr absl::Duration kSoon = absl::Seconds(20);

std::string LogsIn(const std::string& folder) {
  std::string all;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    all += ReadFile(file.path().string());
  }
  return all;
}

TEST(ConnectionIdTest, IsTheSameEverywhere) {
  Stack::Options options;
  options.transfer_flags = {"--log-level", "debug"};
  Stack stack(options);
  stack.delta().AddFlags({"--log-level", "debug", "--log-json"});
  stack.Start();
  ASSERT_FALSE(HasFatalFailure());
  const std::string logs = stack.Path("client-logs");
  const auto failed =
      stack.Dray({"get", ":/not/there", stack.Target("back"), "--json", "--log", logs});
  ASSERT_EQ(failed.status, 1);
  std::string id;
  for (const auto& object : failed.Objects()) id = object.value("connection", id);
  ASSERT_THAT(id, MatchesRegex("c[0-9a-f]+-[0-9a-f]+")) << failed.out;

  EXPECT_THAT(LogsIn(logs), HasSubstr("ERROR - [" + id + "] "));
  EXPECT_TRUE(Eventually(kSoon, [&] {
    return absl::StrContains(stack.transfer().Output(), "[" + id + "] request");
  })) << stack.transfer().Output();
  // delta's lines are JSON here: the id is a field of its own.
  EXPECT_TRUE(Eventually(kSoon, [&] {
    const std::string output = stack.delta().Output();
    for (absl::string_view line : absl::StrSplit(output, '\n')) {
      const auto object = nlohmann::json::parse(line.begin(), line.end(), nullptr, false);
      if (object.is_object() && object.value("connection", "") == id &&
          absl::StrContains(object.value("message", ""), " took ")) {
        return true;
      }
    }
    return false;
  })) << stack.delta().Output();
}

TEST(ConnectionIdTest, TheClientsLogTellsItOfEachFileThatMoved) {
  Stack::Options options;
  options.transfer_flags = {"--log-level", "debug"};
  Stack stack(options);
  stack.Start();
  ASSERT_FALSE(HasFatalFailure());
  WriteRandomFile(stack.Path("large"), 5 << 20, 1);
  WriteFile(stack.Path("small"), "small");
  const std::string logs = stack.Path("client-logs");
  for (const char* name : {"large", "small"}) {
    const std::string remote = absl::StrCat(":/", name);
    ASSERT_EQ(stack.Dray({"put", stack.Path(name), remote, "--log", logs}).status, 0);
    ASSERT_EQ(stack.Dray({"get", remote, stack.Target("back"), "--log", logs}).status, 0);
  }
  std::set<std::string> ids;
  const std::string log = LogsIn(logs);
  for (absl::string_view line : absl::StrSplit(log, '\n')) {
    if (!absl::StrContains(line, "\"kind\":\"file\"")) continue;
    static const std::regex kId("INFO - \\[(c[0-9a-f]+-[0-9a-f]+)\\] ");
    std::match_results<absl::string_view::const_iterator> match;
    ASSERT_TRUE(std::regex_search(line.begin(), line.end(), match, kId)) << line;
    ids.insert(match[1].str());
  }
  EXPECT_EQ(ids.size(), 4u) << log;
  for (const std::string& id : ids) {
    EXPECT_TRUE(Eventually(kSoon, [&] {
      return absl::StrContains(stack.transfer().Output(), "[" + id + "] closed");
    })) << id;
  }
}

TEST(ConnectionIdTest, EventsTellIt) {
  Stack stack;
  stack.Start();
  ASSERT_FALSE(HasFatalFailure());
  NativePeer peer(stack.server());
  ASSERT_TRUE(peer.Greet());
  // A frame that no client may send here ends the connection.
  ASSERT_TRUE(peer.Send(FrameType::kWelcome, 0, wire::v1::Welcome()));
  std::string id;
  while (const auto frame = peer.Receive()) {
    wire::v1::Error error;
    if (frame->header.type == FrameType::kError && error.ParseFromString(frame->payload)) {
      id = error.connection_id();
      break;
    }
  }
  ASSERT_THAT(id, MatchesRegex("c[0-9a-f]+-[0-9a-f]+"));
  EXPECT_TRUE(Eventually(kSoon, [&] {
    const auto snapshot = nlohmann::json::parse(
        HttpGet(stack.monitor().Address("http"), "/api/snapshot"), nullptr, false);
    for (const auto& event : snapshot["events"]) {
      if (event["connection_id"] == id && event["level"] == "warning") return true;
    }
    return false;
  }));
  EXPECT_THAT(stack.transfer().Output(), HasSubstr("[" + id + "] connection from 127.0.0.1"));
}

}  // namespace
}  // namespace dray::testing
