#include "core/daemon/daemon.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/version.h"

namespace dray {
namespace {

using testing::internal::CaptureStderr;
using testing::internal::CaptureStdout;
using testing::internal::GetCapturedStderr;
using testing::internal::GetCapturedStdout;

class FlagsTest : public testing::Test {
 protected:
  FlagsTest() : app_("Tests flags", "dray-test") {
    AddDaemonFlags(app_, &flags_);
    app_.add_option("--listen", listen_, "Addresses")->delimiter(',');
    app_.add_option("--size", size_, "A number");
    app_.add_flag("--allow-anyone", allow_anyone_, "A flag");
  }
  void SetUp() override {
    config_ = absl::StrCat(testing::TempDir(), "/daemon_test_", getpid(), "_",
                           testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  void TearDown() override {
    for (const std::string& name : set_) unsetenv(name.c_str());
    std::filesystem::remove(config_);
  }

  void SetEnv(const std::string& name, const std::string& value) {
    set_.push_back(name);
    setenv(name.c_str(), value.c_str(), 1);
  }
  void WriteConfig(const std::string& text) { std::ofstream(config_) << text; }

  std::optional<int> Parse(std::vector<std::string> arguments) {
    std::vector<char*> argv;
    arguments.insert(arguments.begin(), "/usr/bin/dray-test");
    for (std::string& argument : arguments) argv.push_back(argument.data());
    return ParseFlags(app_, "DRAY_FLAGS_TEST", static_cast<int>(argv.size()), argv.data());
  }

  // Expects a usage error and returns what was told of it.
  std::string Refused(std::vector<std::string> arguments) {
    CaptureStderr();
    const auto exit_status = Parse(std::move(arguments));
    const std::string told = GetCapturedStderr();
    EXPECT_EQ(exit_status, 2) << told;
    return told;
  }

  CLI::App app_;
  DaemonFlags flags_;
  std::vector<std::string> listen_ = {"127.0.0.1:1"};
  int size_ = 1;
  bool allow_anyone_ = false;
  std::string config_;
  std::vector<std::string> set_;
};

TEST_F(FlagsTest, Defaults) {
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(flags_.log.folder, "logs");
  EXPECT_EQ(flags_.log.level, "info");
  EXPECT_FALSE(flags_.log.json);
  EXPECT_EQ(flags_.port_file, "");
}

TEST_F(FlagsTest, FlagsBeatEnvironmentBeatsConfig) {
  WriteConfig("size = 3\nlog-level = error\nlog-dir = from config # 1\n");
  SetEnv("DRAY_FLAGS_TEST_SIZE", "5");
  SetEnv("DRAY_FLAGS_TEST_LOG_LEVEL", "warning");
  EXPECT_EQ(Parse({"--config", config_, "--size", "7"}), std::nullopt);
  EXPECT_EQ(size_, 7);
  EXPECT_EQ(flags_.log.level, "warning");
  EXPECT_EQ(flags_.log.folder, "from config # 1");
}

TEST_F(FlagsTest, AnEmptyVariableIsNone) {
  WriteConfig("size = 3\n");
  SetEnv("DRAY_FLAGS_TEST_SIZE", "");
  EXPECT_EQ(Parse({"--config", config_}), std::nullopt);
  EXPECT_EQ(size_, 3);
}

TEST_F(FlagsTest, SwitchesComeFromAnywhere) {
  WriteConfig("\n  # a comment\n  allow-anyone=true\n");
  SetEnv("DRAY_FLAGS_TEST_LOG_JSON", "1");
  EXPECT_EQ(Parse({"--config", config_}), std::nullopt);
  EXPECT_TRUE(allow_anyone_);
  EXPECT_TRUE(flags_.log.json);
}

TEST_F(FlagsTest, ASwitchCanBeOffInTheConfig) {
  WriteConfig("allow-anyone = false\n");
  allow_anyone_ = true;
  EXPECT_EQ(Parse({"--config", config_}), std::nullopt);
  EXPECT_FALSE(allow_anyone_);
}

TEST_F(FlagsTest, ASwitchsVariableBeatsTheConfig) {
  WriteConfig("allow-anyone = true\n");
  SetEnv("DRAY_FLAGS_TEST_ALLOW_ANYONE", "false");
  EXPECT_EQ(Parse({"--config", config_}), std::nullopt);
  EXPECT_FALSE(allow_anyone_);
}

TEST_F(FlagsTest, SeveralValuesFromConfig) {
  WriteConfig("listen = 127.0.0.1:5\nsize = 2\nlisten = [::1]:5\n");
  EXPECT_EQ(Parse({"--config", config_}), std::nullopt);
  EXPECT_EQ(listen_, (std::vector<std::string>{"127.0.0.1:5", "[::1]:5"}));
  EXPECT_EQ(size_, 2);
}

TEST_F(FlagsTest, SeveralValuesFromTheEnvironment) {
  SetEnv("DRAY_FLAGS_TEST_LISTEN", "127.0.0.1:5,[::1]:5");
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(listen_, (std::vector<std::string>{"127.0.0.1:5", "[::1]:5"}));
}

TEST_F(FlagsTest, TheConfigFileItselfFromTheEnvironment) {
  WriteConfig("size = 9\n");
  SetEnv("DRAY_FLAGS_TEST_CONFIG", config_);
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(size_, 9);
}

TEST_F(FlagsTest, AConfigFileFromTheEnvironmentThatIsNotThere) {
  SetEnv("DRAY_FLAGS_TEST_CONFIG", "/nonexistent/dray.conf");
  EXPECT_NE(Refused({}).find("/nonexistent/dray.conf"), std::string::npos);
}

TEST_F(FlagsTest, SubcommandsOptionsHaveVariablesToo) {
  bool repair = false;
  app_.add_subcommand("check")->add_flag("--repair-all", repair);
  SetEnv("DRAY_FLAGS_TEST_REPAIR_ALL", "true");
  EXPECT_EQ(Parse({"check"}), std::nullopt);
  EXPECT_TRUE(repair);
}

TEST_F(FlagsTest, UnknownSettingsAreNamed) {
  WriteConfig("size = 3\nsizes = 4\n");
  const std::string told = Refused({"--config", config_});
  EXPECT_NE(told.find("line 2: unknown setting \"sizes\""), std::string::npos) << told;
}

TEST_F(FlagsTest, UnknownVariablesAreNamed) {
  SetEnv("DRAY_FLAGS_TEST_SIZES", "4");
  const std::string told = Refused({});
  EXPECT_NE(told.find("unknown setting DRAY_FLAGS_TEST_SIZES"), std::string::npos) << told;
}

TEST_F(FlagsTest, VariablesOfOthersAreNotOurs) {
  SetEnv("DRAY_FLAGS_TESTS", "4");
  SetEnv("DRAY_OTHER_SIZES", "4");
  EXPECT_EQ(Parse({}), std::nullopt);
}

TEST_F(FlagsTest, HelpTellsWhatIsStronger) {
  CaptureStdout();
  EXPECT_EQ(Parse({"--help"}), 0);
  const std::string help = GetCapturedStdout();
  EXPECT_NE(help.find("flags, then the environment, then the config file"), std::string::npos);
  EXPECT_NE(help.find("DRAY_FLAGS_TEST_LOG_DIR"), std::string::npos) << help;
}

TEST_F(FlagsTest, BadConfigLinesAreNamed) {
  WriteConfig("size\n");
  EXPECT_NE(Refused({"--config", config_}).find("line 1"), std::string::npos);
  WriteConfig("size =\n");
  EXPECT_NE(Refused({"--config", config_}).find("\"size\" has no value"), std::string::npos);
  WriteConfig("config = x\n");
  EXPECT_NE(Refused({"--config", config_}).find("cannot be set"), std::string::npos);
  WriteConfig("size = many\n");
  EXPECT_NE(Refused({"--config", config_}).find("many"), std::string::npos);
  WriteConfig("allow-anyone = perhaps\n");
  EXPECT_NE(Refused({"--config", config_}).find("perhaps"), std::string::npos);
}

TEST_F(FlagsTest, HelpWorksWithABadConfig) {
  WriteConfig("sizes = 4\n");
  CaptureStdout();
  EXPECT_EQ(Parse({"--config", config_, "--help"}), 0);
  EXPECT_NE(GetCapturedStdout().find("--log-level"), std::string::npos);
}

TEST_F(FlagsTest, Version) {
  CaptureStdout();
  EXPECT_EQ(Parse({"--version"}), 0);
  EXPECT_EQ(GetCapturedStdout(), absl::StrCat("dray-test ", kVersion, "\n"));
}

TEST_F(FlagsTest, UsageErrorsAreTwo) {
  EXPECT_NE(Refused({"--sizes", "1"}).find("--sizes"), std::string::npos);
  EXPECT_NE(Refused({"--size", "x"}).find("--size"), std::string::npos);
  EXPECT_NE(Refused({"--log-level", "loud"}).find("loud"), std::string::npos);
  EXPECT_NE(Refused({"--config", "/nonexistent/x"}).find("/nonexistent/x"), std::string::npos);
}

TEST(PortFileTest, WritesLines) {
  const std::string file = absl::StrCat(testing::TempDir(), "/port_file_test_", getpid());
  ASSERT_TRUE(WritePortFile(file, {{"grpc", "127.0.0.1:5052"}, {"http", "[::1]:8000"}}).ok());
  std::ifstream in(file);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}),
            "grpc=127.0.0.1:5052\nhttp=[::1]:8000\n");
  std::filesystem::remove(file);
}

TEST(PortFileTest, NoFileIsNoOp) { EXPECT_TRUE(WritePortFile("", {{"a", "b"}}).ok()); }

TEST(PortFileTest, ErrorsNameTheFile) {
  const absl::Status status = WritePortFile("/nonexistent/ports", {{"a", "b"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/nonexistent/ports"), absl::string_view::npos);
}

// Each of these runs in a process of its own, since signals concern a whole process.
void WaitFor(int signal, const std::string& name) {
  StopSignal stop;
  kill(getpid(), signal);
  _exit(stop.Wait() == name ? 0 : 9);
}

TEST(StopSignalTest, TellsWhichSignal) {
  EXPECT_EXIT(WaitFor(SIGTERM, "SIGTERM"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(WaitFor(SIGINT, "SIGINT"), testing::ExitedWithCode(0), "");
}

TEST(StopSignalTest, TheSecondEndsTheProcess) {
  const auto run = [] {
    StopSignal stop;
    kill(getpid(), SIGTERM);
    stop.Wait();
    kill(getpid(), SIGINT);
    sleep(30);
    _exit(9);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(1), "");
}

TEST(StopSignalTest, IgnoresBrokenPipes) {
  const auto run = [] {
    StopSignal stop;
    raise(SIGPIPE);
    _exit(0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace dray
