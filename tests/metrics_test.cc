// Monitor tells what moved.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/files.h"
#include "tests/support/socket.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;

class MetricsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    http_ = stack_.monitor().Address("http");
    WriteRandomFile(stack_.Path("file"), 5'000'000, 3);
  }
  bool EventuallyAtLeast(double wanted, const std::string& name, const std::string& label) {
    return Eventually(absl::Seconds(10), [&] { return stack_.Metric(name, label) >= wanted; });
  }

  Stack stack_;
  std::string http_;
};

TEST_F(MetricsTest, CountersFollowWhatMoved) {
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/file"}).status, 0);
  EXPECT_TRUE(EventuallyAtLeast(5e6, "dray_bytes_received_total", "transfer"))
      << HttpGet(http_, "/metrics");
  ASSERT_EQ(stack_.Dray({"get", ":/file", stack_.Target("back")}).status, 0);
  EXPECT_TRUE(EventuallyAtLeast(5e6, "dray_bytes_sent_total", "transfer"))
      << HttpGet(http_, "/metrics");
}

TEST_F(MetricsTest, SavedBytesAreCounted) {
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/file"}).status, 0);
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/copy"}).status, 0);
  EXPECT_TRUE(EventuallyAtLeast(4.9e6, "dray_bytes_saved_total", "")) << HttpGet(http_, "/metrics");
}

TEST_F(MetricsTest, CountersOutliveARestartOfMonitor) {
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/file"}).status, 0);
  ASSERT_TRUE(EventuallyAtLeast(5e6, "dray_bytes_received_total", "transfer"));
  stack_.monitor().Kill();
  stack_.monitor().Start();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_TRUE(EventuallyAtLeast(5e6, "dray_bytes_received_total", "transfer"));
}

TEST_F(MetricsTest, SnapshotIsJsonAndHealthIsTold) {
  std::string status_line;
  const std::string snapshot = HttpGet(http_, "/api/snapshot", &status_line);
  EXPECT_THAT(status_line, HasSubstr("200"));
  EXPECT_TRUE(nlohmann::json::parse(snapshot, nullptr, false).is_object()) << snapshot;
  HttpGet(http_, "/healthz", &status_line);
  EXPECT_THAT(status_line, HasSubstr("200"));
  HttpGet(http_, "/no/such/page", &status_line);
  EXPECT_THAT(status_line, HasSubstr("404"));
}

}  // namespace
}  // namespace dray::testing
