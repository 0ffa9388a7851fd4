#include "services/transfer/engine/activity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>
#include <spdlog/sinks/ostream_sink.h>

#include <memory>
#include <sstream>
#include <string>

#include "core/telemetry/logging.h"
#include "services/transfer/engine/dialect_metrics.h"

namespace dray::transfer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ActivityTest : public ::testing::Test {
 protected:
  ActivityTest() {
    before_ = spdlog::default_logger();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_)));
  }
  ~ActivityTest() override { spdlog::set_default_logger(before_); }

  std::ostringstream log_;
  std::shared_ptr<spdlog::logger> before_;
  prometheus::Registry registry_;
  DialectMetrics metrics_{registry_, "robust"};
  Activity activity_;
  Activity::Connection connection_{
      &activity_, &metrics_, {activity_.NewConnectionId(), "127.0.0.1:1", "robust", absl::Now()}};
};

TEST_F(ActivityTest, EveryTenthIsLoggedOnce) {
  Activity::Transfer transfer(&connection_, Direction::kDownload, "file");
  transfer.SetTotal(1000);
  for (int i = 0; i < 11; ++i) transfer.Passed(9);
  EXPECT_THAT(log_.str(), Not(HasSubstr("%")));
  transfer.Passed(1);
  EXPECT_THAT(log_.str(), HasSubstr("download of file: 10% ("));
  transfer.Passed(250);
  EXPECT_THAT(log_.str(), HasSubstr(": 30% ("));
  EXPECT_THAT(log_.str(), Not(HasSubstr(": 20% (")));
  const std::string before = log_.str();
  transfer.Passed(1);
  EXPECT_EQ(log_.str(), before);
  transfer.Passed(649);
  EXPECT_THAT(log_.str(), HasSubstr(": 100% ("));
  transfer.Finish(1, 1000, 0);
}

TEST_F(ActivityTest, WhatMovedAndWhatWasSavedAreDone) {
  Activity::Transfer transfer(&connection_, Direction::kUpload, "file");
  transfer.SetTotal(1000);
  transfer.SetSaved(300);
  EXPECT_THAT(log_.str(), HasSubstr("upload of file: 30% ("));
  transfer.Moved(100);
  EXPECT_THAT(log_.str(), HasSubstr("upload of file: 40% ("));
  transfer.Finish(1, 1000, 900);
  EXPECT_THAT(log_.str(), HasSubstr(": 100% ("));
}

TEST_F(ActivityTest, WhatIsDoneAtOnceHasNoTenths) {
  Activity::Transfer transfer(&connection_, Direction::kDownload, "file");
  transfer.SetTotal(1000);
  transfer.Moved(1000);
  transfer.Finish(1, 1000, 0);
  EXPECT_THAT(log_.str(), Not(HasSubstr("%")));
}

TEST_F(ActivityTest, WithoutATotalThereAreNoTenths) {
  Activity::Transfer transfer(&connection_, Direction::kUpload, "file");
  transfer.Passed(1'000'000);
  EXPECT_EQ(log_.str(), "");
  EXPECT_EQ(activity_.Transfers(5)[0].bytes_done, 1'000'000u);
  transfer.Forget();
}

TEST_F(ActivityTest, WhatWasExpectedToBeMoreEndsAtTheWhole) {
  Activity::Transfer transfer(&connection_, Direction::kUpload, "file");
  transfer.SetTotal(1000);
  transfer.Passed(990);
  EXPECT_THAT(log_.str(), Not(HasSubstr(": 100% (")));
  transfer.Finish(1, 990, 0);
  EXPECT_THAT(log_.str(), HasSubstr(": 100% ("));
}

TEST_F(ActivityTest, WhatIsThereIsListedUntilItIsGone) {
  {
    Activity::Transfer transfer(&connection_, Direction::kUpload, "file");
    transfer.SetTotal(10);
    transfer.Moved(4);
    ASSERT_EQ(activity_.Transfers(5).size(), 1u);
    EXPECT_EQ(activity_.Transfers(5)[0].path, "file");
    EXPECT_EQ(activity_.Transfers(5)[0].bytes_done, 4u);
    EXPECT_EQ(activity_.Connections(5).size(), 1u);
  }
  EXPECT_EQ(activity_.transfer_count(), 0u);
  // A transfer that neither finished nor failed was broken off.
  EXPECT_THAT(log_.str(), HasSubstr("broken off"));
}

}  // namespace
}  // namespace dray::transfer
