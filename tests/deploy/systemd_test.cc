// The units are what systemd understands, and as narrow as they claim.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "tests/deploy/manifests.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/service.h"

namespace dray::testing {
namespace {

class SystemdTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    unit_ = tree_.scratch().Path("dray-" + GetParam() + ".service");
    WriteFile(unit_, absl::StrReplaceAll(
                         ReadFile(tree_.Path("systemd/dray-" + GetParam() + ".service")),
                         {{"/usr/bin/dray-" + GetParam(), ProgramPath("dray-" + GetParam())}}));
  }
  // Runs systemd-analyze and tells all that it said.
  int Analyze(std::vector<std::string> arguments) {
    Process::Options options;
    options.command = {"/usr/bin/env", "systemd-analyze", "--no-pager"};
    options.command.insert(options.command.end(), arguments.begin(), arguments.end());
    options.command.push_back(unit_);
    options.output_file = tree_.scratch().Path("out");
    options.error_file = tree_.scratch().Path("err");
    Process process(options);
    const auto ended = process.Wait(absl::Minutes(1));
    said_ = ReadFile(options.output_file) + ReadFile(options.error_file);
    return ended ? ended->status() : -1;
  }

  DeployTree tree_;
  std::string unit_;
  std::string said_;
};

INSTANTIATE_TEST_SUITE_P(Services, SystemdTest, ::testing::Values("monitor", "delta", "transfer"),
                         [](const auto& info) { return info.param; });

TEST_P(SystemdTest, UnitIsUnderstood) {
  EXPECT_EQ(Analyze({"verify", "--man=no"}), 0) << said_;
  EXPECT_EQ(said_, "");
}

// The threshold is in tenths: 1.5 of 10.
TEST_P(SystemdTest, ExposureIsLow) {
  EXPECT_EQ(Analyze({"security", "--offline=yes", "--threshold=15"}), 0) << said_;
}

}  // namespace
}  // namespace dray::testing
