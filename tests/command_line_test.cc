// What a script sees of dray: exit status, --json, --stats, --quiet, environment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;

class CommandLineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    MakeFolder(stack_.Path("tree"));
    WriteFile(stack_.Path("tree/one"), RandomText(1000, 1));
    WriteFile(stack_.Path("tree/two"), RandomText(500'000, 2));
  }
  Stack stack_;
};

TEST_F(CommandLineTest, UsageErrorsEndWithTwo) {
  EXPECT_EQ(stack_.Dray({"no-such-verb"}).status, 2);
  EXPECT_EQ(stack_.Dray({"put"}).status, 2);
  EXPECT_EQ(stack_.Dray({"ls", "--no-such-flag", ":/"}).status, 2);
}

TEST_F(CommandLineTest, MissingLocalFileEndsWithOneAndIsNamed) {
  const CommandResult put = stack_.Dray({"put", stack_.Path("missing"), ":/missing"});
  EXPECT_EQ(put.status, 1);
  EXPECT_THAT(put.err, HasSubstr("missing"));
}

TEST_F(CommandLineTest, OneUnreadableFileOfSeveralEndsWithThree) {
  SetMode(stack_.Path("tree/one"), 0);
  Stack::DrayOptions options;
  options.honour_modes = true;
  const CommandResult put = stack_.Dray({"put", stack_.Path("tree"), ":/tree"}, options);
  EXPECT_EQ(put.status, 3) << put.err;
  EXPECT_THAT(put.err, HasSubstr("one"));
  EXPECT_EQ(stack_.Dray({"stat", ":/tree/two"}).status, 0);
  EXPECT_EQ(stack_.Dray({"stat", ":/tree/one"}).status, 1);
}

TEST_F(CommandLineTest, JsonTellsOfEachFileAndStatsOfAll) {
  const CommandResult put = stack_.DrayStats({"put", stack_.Path("tree"), ":/tree"});
  const auto objects = put.Objects();
  ASSERT_GE(objects.size(), 3u);
  const auto stats = put.Stats();
  for (const char* field : {"bytes_total", "bytes_sent", "bytes_received", "bytes_saved",
                            "chunks_total", "chunks_sent", "files"}) {
    EXPECT_TRUE(stats.value(field, nlohmann::json()).is_number_unsigned()) << field;
  }
  EXPECT_TRUE(stats["seconds"].is_number());
  EXPECT_EQ(stats["files"], 2);
  EXPECT_EQ(stats["bytes_total"], 501'000);
  EXPECT_GT(stats["bytes_sent"], 500'000);
  EXPECT_EQ(put.err, "");

  const auto again = stack_.DrayStats({"put", stack_.Path("tree"), ":/"}).Stats();
  EXPECT_EQ(again["chunks_sent"], 0);
  EXPECT_GT(again["bytes_saved"], 490'000);
}

TEST_F(CommandLineTest, NamesThatAreNoTextAreEscapedInJsonAndTakenBack) {
  WriteFile(stack_.Path("tree/\xff\n"), "bytes");
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("tree"), ":/tree"}).status, 0);
  const CommandResult list = stack_.Dray({"ls", "--json", ":/tree"});
  EXPECT_EQ(list.Objects().size(), 3u);
  EXPECT_THAT(list.out, HasSubstr(R"(\\xff\\x0a)"));
  EXPECT_EQ(stack_.Dray({"get", R"(:/tree/\xff\x0a)", stack_.Target("back")}).status, 0);
  EXPECT_EQ(ReadFile(stack_.Target("back")), "bytes");
}

TEST_F(CommandLineTest, QuietSaysNothingWhenAllIsWell) {
  const CommandResult put = stack_.Dray({"put", "--quiet", stack_.Path("tree"), ":/tree"});
  EXPECT_EQ(put.status, 0);
  EXPECT_EQ(put.out, "");
  EXPECT_EQ(put.err, "");
}

TEST_F(CommandLineTest, ServerMayBeNamedInTheRemoteName) {
  const std::string remote = "dray://" + stack_.server() + "/named";
  EXPECT_EQ(stack_.Dray({"put", stack_.Path("tree/one"), remote}).status, 0);
  EXPECT_EQ(stack_.Dray({"stat", ":/named"}).status, 0);
}

TEST_F(CommandLineTest, SettingsFileIsFoundInTheEnvironmentAndIsWeakerThanIt) {
  WriteFile(stack_.Path("dray.conf"), "quiet = true\nretries = 1\n");
  Stack::DrayOptions options;
  options.environment = {{"DRAY_CONFIG", stack_.Path("dray.conf")}};
  const CommandResult quiet = stack_.Dray({"put", stack_.Path("tree/one"), ":/quiet"}, options);
  EXPECT_EQ(quiet.status, 0) << quiet.err;
  EXPECT_EQ(quiet.out, "");

  WriteFile(stack_.Path("dray.conf"), "connections = none\n");
  EXPECT_EQ(stack_.Dray({"status"}, options).status, 2);
  options.environment["DRAY_CONNECTIONS"] = "1";
  EXPECT_EQ(stack_.Dray({"status"}, options).status, 0);

  WriteFile(stack_.Path("dray.conf"), "serve = 127.0.0.1:1\n");
  const CommandResult unknown = stack_.Dray({"status"}, options);
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.err, HasSubstr("\"serve\""));
}

TEST_F(CommandLineTest, StatusIsTheServersOwn) {
  const auto put = stack_.DrayStats({"put", stack_.Path("tree"), ":/tree"}).Stats();
  const auto status = stack_.Dray({"status", "--json"}).Objects();
  ASSERT_EQ(status.size(), 1u);
  EXPECT_EQ(status[0]["file_bytes"], put["bytes_total"]);
  EXPECT_GE(status[0]["bytes_received"], put["bytes_sent"]);
  EXPECT_EQ(status[0]["active"].size(), 0u);
  EXPECT_EQ(status[0]["parts"].size(), 3u);
}

TEST_F(CommandLineTest, StatusIsWatchedThroughARestartUntilInterrupted) {
  const auto watch = stack_.StartDray({"status", "--watch", "--json"});
  const auto says = [&](const std::string& what) {
    return Eventually(absl::Seconds(30),
                      [&] { return watch->Output().find(what) != std::string::npos; });
  };
  EXPECT_TRUE(says("\"active\":"));
  stack_.transfer().Kill();
  EXPECT_TRUE(says("\"code\":\"UNAVAILABLE\"")) << watch->Output();
  const size_t before = watch->Output().size();
  stack_.transfer().Start();
  EXPECT_TRUE(Eventually(absl::Seconds(30), [&] {
    return watch->Output().find("\"active\":", before) != std::string::npos;
  })) << watch->Output();
  watch->process().Signal(SIGINT);
  const CommandResult ended = watch->Finish(absl::Seconds(30));
  EXPECT_EQ(ended.status, 130);
  EXPECT_GE(ended.Objects().size(), 3u);
}

TEST_F(CommandLineTest, HelpAndVersionAreTold) {
  const CommandResult help = stack_.Dray({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* verb : {"put", "get", "ls", "stat", "rm", "mv", "log", "restore", "status"}) {
    EXPECT_THAT(help.out, HasSubstr(verb));
  }
  EXPECT_THAT(help.out, HasSubstr("flags, then the environment"));
  const CommandResult version = stack_.Dray({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.out, HasSubstr("0.1.0"));
}

}  // namespace
}  // namespace dray::testing
