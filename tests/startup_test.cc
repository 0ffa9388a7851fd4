// A service that cannot start says why and ends with an error; it never half runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"
#include "tests/support/service.h"
#include "tests/support/socket.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class StartupTest : public ::testing::TestWithParam<std::string> {
 protected:
  // Runs the program to its end; what it wrote comes in `output`.
  int Run(const std::string& name, std::vector<std::string> flags) {
    Process::Options options;
    options.command = {ProgramPath("dray-" + name)};
    options.command.insert(options.command.end(), flags.begin(), flags.end());
    options.output_file = scratch_.Path("out");
    options.error_file = scratch_.Path("err");
    options.folder = scratch_.folder();
    Process process(options);
    const auto ended = process.Wait(absl::Seconds(20));
    output_ = ReadFile(scratch_.Path("err"));
    out_ = ReadFile(scratch_.Path("out"));
    EXPECT_TRUE(ended.has_value()) << name << " goes on: " << output_;
    return ended ? ended->status() : -1;
  }
  // Flags with which `name` starts, with `address` where it listens for `flag`.
  std::vector<std::string> Flags(const std::string& name, const std::string& flag,
                                 const std::string& address) {
    std::map<std::string, std::string> flags = {{"--listen", "127.0.0.1:0"}};
    if (name == "monitor") flags["--http"] = "127.0.0.1:0";
    if (name == "delta") flags["--catalog"] = "sqlite:" + scratch_.Path("catalog.db");
    if (name == "transfer") {
      flags["--admin"] = "127.0.0.1:0";
      flags["--data"] = scratch_.Path("data");
      flags["--delta"] = "127.0.0.1:1";
    }
    if (name != "monitor") flags["--monitor"] = "127.0.0.1:1";
    flags[flag] = address;
    std::vector<std::string> list;
    for (const auto& [key, value] : flags) list.insert(list.end(), {key, value});
    return list;
  }

  Scratch scratch_;
  std::string output_;
  std::string out_;
};

INSTANTIATE_TEST_SUITE_P(Services, StartupTest, ::testing::Values("monitor", "delta", "transfer"),
                         [](const auto& info) { return info.param; });

TEST_P(StartupTest, WrongFlagIsNamed) {
  std::vector<std::string> flags = Flags(GetParam(), "--listen", "127.0.0.1:0");
  flags.push_back("--no-such-flag");
  EXPECT_EQ(Run(GetParam(), flags), 2);
  EXPECT_THAT(output_, HasSubstr("no-such-flag"));
}

TEST_P(StartupTest, WrongAddressIsNamed) {
  for (const std::string address : {"nonsense", "127.0.0.1:99999", "127.0.0.1:", ":::"}) {
    EXPECT_NE(Run(GetParam(), Flags(GetParam(), "--listen", address)), 0) << address;
    EXPECT_THAT(output_, HasSubstr(address));
  }
}

TEST_P(StartupTest, PortInUseIsNamed) {
  const TakenPort taken;
  std::vector<std::string> flags = {"--listen"};
  if (GetParam() == "monitor") flags.push_back("--http");
  if (GetParam() == "transfer") flags.push_back("--admin");
  for (const std::string& flag : flags) {
    EXPECT_EQ(Run(GetParam(), Flags(GetParam(), flag, taken.address())), 1) << flag;
    EXPECT_THAT(output_, HasSubstr(taken.address())) << flag;
  }
}

TEST_P(StartupTest, HelpAndVersionAreTold) {
  EXPECT_EQ(Run(GetParam(), {"--help"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("--listen"), HasSubstr("--port-file"), HasSubstr("--log-dir")));
  EXPECT_EQ(Run(GetParam(), {"--version"}), 0);
  EXPECT_THAT(out_, HasSubstr("0.1.0"));
}

TEST_P(StartupTest, LogFolderThatCannotBeMadeIsNamed) {
  WriteFile(scratch_.Path("file"), "");
  std::vector<std::string> flags = Flags(GetParam(), "--listen", "127.0.0.1:0");
  flags.insert(flags.end(), {"--log-dir", scratch_.Path("file/logs")});
  EXPECT_EQ(Run(GetParam(), flags), 1);
  EXPECT_THAT(output_, HasSubstr("file/logs"));
}

TEST_P(StartupTest, ListensBeyondLoopbackOnlyWhenThatIsMeant) {
  for (const std::string address : {"0.0.0.0:0", "[::]:0"}) {
    EXPECT_NE(Run(GetParam(), Flags(GetParam(), "--listen", address)), 0) << address;
    EXPECT_THAT(output_, AllOf(HasSubstr(address), HasSubstr("--allow-anyone")));
  }
}

TEST_F(StartupTest, AStoreBelongsToOneTransfer) {
  Stack stack;
  stack.Start();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(Run("transfer", Flags("transfer", "--data", stack.StoreFolder())), 1);
  EXPECT_THAT(output_, HasSubstr(stack.StoreFolder()));
}

TEST_F(StartupTest, CatalogThatIsNoneIsNamed) {
  WriteFile(scratch_.Path("no-catalog"), RandomText(100'000, 1));
  EXPECT_EQ(Run("delta", Flags("delta", "--catalog", "sqlite:" + scratch_.Path("no-catalog"))), 1);
  EXPECT_THAT(output_, HasSubstr("no-catalog"));
}

}  // namespace
}  // namespace dray::testing
