// delta or monitor that hang, are slow, or restart while work is under way: nothing hangs with
// them, who has to know is told which part it is, and all goes on by itself when they are back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/support/files.h"
#include "tests/support/service.h"
#include "tests/support/socket.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What transfer grants delta for an answer is 30 s; the rest is for a busy machine.
constexpr absl::Duration kDeadline = absl::Seconds(60);
constexpr uint64_t kLargeBytes = 200 << 20;

class HangingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    MakeFolder(stack_.Path("tree"));
    for (int i = 0; i < 20; ++i) {
      WriteFile(stack_.Path("tree/small" + std::to_string(i)), RandomText(1000 + 100 * i, i));
    }
    WriteRandomFile(stack_.Path("tree/medium"), 3 << 20, 99);
    Put("tree");
  }
  void TearDown() override {
    if (!HasFatalFailure()) stack_.ExpectSound();
  }

  void Put(const std::string& name) {
    const CommandResult put = stack_.Dray({"put", stack_.Path(name), ":/"});
    EXPECT_EQ(put.status, 0) << put.err << stack_.transfer().Output();
  }
  void ExpectComesBack(const std::string& name) {
    const std::string back = stack_.Target("back" + std::to_string(++reads_));
    const CommandResult get = stack_.Dray({"get", ":/" + name, back});
    EXPECT_EQ(get.status, 0) << get.err << stack_.transfer().Output();
    EXPECT_THAT(Differences(stack_.Path(name), back), IsEmpty());
  }
  // Every kind of request, all at once: each ends in time, and says why.
  void ExpectAllFailSaying(const std::string& text, absl::Duration deadline) {
    const std::vector<std::vector<std::string>> commands = {
        {"put", stack_.Path("tree/small1"), ":/other"},
        {"put", stack_.Path("tree/medium"), ":/other-medium"},
        {"get", ":/tree/small1", stack_.Path("small1")},
        {"get", ":/tree/medium", stack_.Path("medium")},
        {"ls", ":/tree"},
        {"stat", ":/tree/small1"},
        {"log", ":/tree/small1"},
        {"mv", ":/tree/small1", ":/tree/small2b"},
        {"rm", ":/tree/small1"}};
    std::vector<std::unique_ptr<Stack::Running>> running;
    for (std::vector<std::string> command : commands) {
      command.insert(command.end(), {"--retries", "0"});
      running.push_back(stack_.StartDray(command, {}));
    }
    const absl::Time end = absl::Now() + deadline;
    for (size_t i = 0; i < commands.size(); ++i) {
      const CommandResult result = running[i]->Finish(end - absl::Now());
      EXPECT_EQ(result.status, 1) << commands[i][0] << " " << commands[i][1];
      EXPECT_THAT(result.err, HasSubstr(text)) << commands[i][0] << " " << commands[i][1];
    }
  }
  // A put of a large file, of which some has arrived.
  std::unique_ptr<Stack::Running> StartLargePut() {
    WriteRandomFile(stack_.Path("large"), kLargeBytes, 7);
    auto put = stack_.StartDray({"put", stack_.Path("large"), ":/large"}, {});
    EXPECT_TRUE(Eventually(absl::Seconds(30),
                           [&] { return FolderBytes(stack_.StoreFolder()) > (20u << 20); }));
    EXPECT_FALSE(put->process().Poll().has_value()) << "it is over before anything could happen";
    return put;
  }
  void ExpectDone(Stack::Running* put) {
    const CommandResult result = put->Finish(absl::Minutes(3));
    EXPECT_EQ(result.status, 0) << result.err << stack_.transfer().Output();
    ExpectComesBack("large");
  }

  Stack stack_;
  int reads_ = 0;
};

TEST_F(HangingTest, DeltaHangsAndGoesOn) {
  stack_.delta().process().Signal(SIGSTOP);
  ExpectAllFailSaying("delta service at " + stack_.delta().Address("grpc"), kDeadline);
  // Known by now: nobody has to wait any more.
  ExpectAllFailSaying("cannot be reached", absl::Seconds(20));
  EXPECT_THAT(stack_.Dray({"status"}).out, HasSubstr("NOT HEALTHY"));
  EXPECT_TRUE(stack_.transfer().running());
  stack_.delta().process().Signal(SIGCONT);
  WriteFile(stack_.Path("tree/new"), "new");
  Put("tree");  // tries until transfer has noticed
  ExpectComesBack("tree");
}

TEST_F(HangingTest, DeltaHangsForAWhileInTheMiddleOfAnUpload) {
  auto put = StartLargePut();
  stack_.delta().process().Signal(SIGSTOP);
  EXPECT_FALSE(put->process().Wait(absl::Seconds(5)).has_value());
  stack_.delta().process().Signal(SIGCONT);
  ExpectDone(put.get());
}

TEST_F(HangingTest, DeltaHangsForGoodInTheMiddleOfAnUpload) {
  auto put = StartLargePut();
  put->process().Signal(SIGSTOP);  // so that it is not over
  stack_.delta().process().Signal(SIGSTOP);
  put->process().Signal(SIGCONT);
  auto other = stack_.StartDray({"put", "--retries", "0", stack_.Path("large"), ":/other"}, {});
  const CommandResult told = other->Finish(kDeadline);
  EXPECT_EQ(told.status, 1);
  EXPECT_THAT(told.err, HasSubstr("delta service at"));
  EXPECT_FALSE(put->process().Poll().has_value()) << "it goes on trying";
  stack_.delta().process().Signal(SIGCONT);
  ExpectDone(put.get());
}

TEST_F(HangingTest, DeltaIsKilledInTheMiddleOfAnUpload) {
  auto put = StartLargePut();
  stack_.delta().Kill();
  EXPECT_FALSE(put->process().Wait(absl::Seconds(2)).has_value());
  stack_.delta().Start();
  ASSERT_FALSE(HasFatalFailure());
  ExpectDone(put.get());
}

TEST_F(HangingTest, DeltaIsStoppedInTheMiddleOfAnUpload) {
  auto put = StartLargePut();
  stack_.delta().Stop();
  stack_.delta().Start();
  ASSERT_FALSE(HasFatalFailure());
  ExpectDone(put.get());
}

// Most of the time it does nothing at all.
TEST_F(HangingTest, DeltaIsSlow) {
  std::atomic<bool> over = false;
  const pid_t delta = stack_.delta().process().pid();
  std::thread brake([&] {
    while (!over) {
      kill(delta, SIGSTOP);
      absl::SleepFor(absl::Milliseconds(300));
      kill(delta, SIGCONT);
      absl::SleepFor(absl::Milliseconds(20));
    }
  });
  WriteRandomFile(stack_.Path("tree/more"), 20 << 20, 5);
  Put("tree");
  ExpectComesBack("tree");
  over = true;
  brake.join();
}

// The front door and the counters where ports accept and nobody ever says a word.
TEST_F(HangingTest, PartsThatAcceptAndNeverAnswer) {
  const TakenPort deaf_delta;
  const TakenPort deaf_monitor;
  MakeFolder(stack_.Path("deaf"));
  for (const bool deaf : {true, false}) {
    SCOPED_TRACE(deaf ? "delta and monitor" : "monitor");
    Service transfer("transfer", {{"--listen", "listen"}, {"--admin", "admin"}},
                     {"--data", stack_.Path("deaf"), "--monitor", deaf_monitor.address(), "--delta",
                      deaf ? deaf_delta.address() : stack_.delta().Address("grpc")},
                     stack_.Path("deaf"));
    transfer.Start();
    ASSERT_FALSE(HasFatalFailure());
    Stack::DrayOptions options;
    options.server = transfer.Address("listen");
    options.timeout = kDeadline;
    const CommandResult put =
        stack_.Dray({"put", "--retries", "0", stack_.Path("tree/medium"), ":/elsewhere"}, options);
    if (deaf) {
      EXPECT_EQ(put.status, 1);
      EXPECT_THAT(put.err, HasSubstr("delta service at " + deaf_delta.address()));
    } else {
      EXPECT_EQ(put.status, 0) << put.err;
    }
    EXPECT_THAT(stack_.Dray({"status"}, options).out, HasSubstr("NOT HEALTHY"));
    transfer.Stop();  // and waits for nobody
  }
  // What it stored lies elsewhere.
  EXPECT_EQ(stack_.Dray({"rm", ":/elsewhere"}).status, 0);
}

TEST_F(HangingTest, NobodyWaitsForAMonitorThatHangs) {
  stack_.monitor().process().Signal(SIGSTOP);
  WriteRandomFile(stack_.Path("tree/more"), 5'000'000, 5);
  Put("tree");
  ExpectComesBack("tree");
  stack_.delta().Stop();
  stack_.transfer().Stop();
  stack_.delta().Start();
  stack_.transfer().Start();
  ASSERT_FALSE(HasFatalFailure());
  WriteRandomFile(stack_.Path("later"), 6'000'000, 6);
  Put("later");
  ExpectComesBack("later");
  stack_.monitor().process().Signal(SIGCONT);
  // What moved meanwhile is told now.
  EXPECT_TRUE(Eventually(absl::Seconds(30), [&] {
    return stack_.Metric("dray_bytes_received_total") >= 6e6 &&
           stack_.Metric("dray_bytes_sent_total") >= 6e6;
  })) << HttpGet(stack_.monitor().Address("http"), "/metrics");
}

TEST_F(HangingTest, MonitorIsKilledInTheMiddleOfAnUpload) {
  auto put = StartLargePut();
  stack_.monitor().Kill();
  ExpectDone(put.get());
  stack_.monitor().Start();
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_TRUE(Eventually(absl::Seconds(30), [&] {
    return stack_.Metric("dray_bytes_received_total") >= static_cast<double>(kLargeBytes);
  })) << HttpGet(stack_.monitor().Address("http"), "/metrics");
}

}  // namespace
}  // namespace dray::testing
