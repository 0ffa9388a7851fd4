// Clocks that jump, of the services and of the client: transfers end right, and a file's history
// stays in order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/files.h"
#include "tests/support/preload.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::IsEmpty;

constexpr int64_t kDay = 86'400;

class ClockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Jump(0);
    const std::map<std::string, std::string> environment = {
        {"LD_PRELOAD", PreloadPath("clock_shim.so")},
        {"DRAY_CLOCK_OFFSET_FILE", stack_.Path("offset")}};
    for (Service* service : {&stack_.monitor(), &stack_.delta(), &stack_.transfer()}) {
      service->SetEnvironment(environment);
    }
    options_.environment = environment;
    stack_.Start();
  }
  // All clocks are off by so much from now on.
  void Jump(int64_t seconds) {
    WriteFile(stack_.Path("offset.new"), std::to_string(seconds) + "           ");
    // In place: the programs keep the file open.
    WriteFile(stack_.Path("offset"), ReadFile(stack_.Path("offset.new")));
  }
  void Change() { WriteRandomFile(stack_.Path("file"), 20 << 20, ++changes_); }
  void ExpectComesBack() {
    const std::string back = stack_.Target("back" + std::to_string(changes_));
    const CommandResult get = stack_.Dray({"get", ":/file", back}, options_);
    EXPECT_EQ(get.status, 0) << get.err;
    EXPECT_TRUE(SameContents(stack_.Path("file"), back));
  }

  Stack stack_;
  Stack::DrayOptions options_;
  uint64_t changes_ = 0;
};

TEST_F(ClockTest, JumpsBetweenUploads) {
  for (const int64_t offset : {0 * kDay, -30 * kDay, 400 * kDay, -3000 * kDay, 0 * kDay}) {
    SCOPED_TRACE(offset / kDay);
    Jump(offset);
    Change();
    const CommandResult put = stack_.Dray({"put", stack_.Path("file"), ":/file"}, options_);
    EXPECT_EQ(put.status, 0) << put.err;
    ExpectComesBack();
  }
  // Newest first, each committed later than the one before.
  const auto versions = stack_.Dray({"log", "--json", ":/file"}).Objects();
  ASSERT_EQ(versions.size(), 5u);
  for (size_t i = 1; i < versions.size(); ++i) {
    EXPECT_EQ(versions[i]["version"].get<int>() + 1, versions[i - 1]["version"].get<int>());
    EXPECT_LT(versions[i]["committed"].get<std::string>(),
              versions[i - 1]["committed"].get<std::string>());
  }
  stack_.ExpectSound();
}

TEST_F(ClockTest, JumpsInTheMiddleOfUploads) {
  for (const int64_t offset : {kDay, -kDay, 3000 * kDay, -3000 * kDay, 600 * kDay}) {
    SCOPED_TRACE(offset / kDay);
    Change();
    auto put = stack_.StartDray({"put", stack_.Path("file"), ":/file"}, options_);
    for (int i = 0; i < 10 && !put->process().Poll(); ++i) {
      absl::SleepFor(absl::Milliseconds(10));
      Jump(i % 2 == 0 ? offset : 0);
    }
    const CommandResult result = put->Finish(absl::Minutes(2));
    EXPECT_EQ(result.status, 0) << result.err;
    ExpectComesBack();
  }
  stack_.ExpectSound();
}

}  // namespace
}  // namespace dray::testing
