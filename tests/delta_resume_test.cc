// Programs die in the middle of deltas, in either direction: run again, what had arrived does not
// move again, and the result is right.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

constexpr uint64_t kFileBytes = 128 << 20;
// In every chunk of the least length there is one.
constexpr uint64_t kEditEvery = 16 << 10;
constexpr uint64_t kEditBytes = 800;

// Every chunk of "new" is another one than in "old", and little of it is new.
class DeltaResumeTest : public ::testing::Test {
 protected:
  DeltaResumeTest() : stack_({.room_bytes = 12 * kFileBytes, .transfer_flags = {}}) {}

  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    MakePair(1, "old", "new");
    Put("old", "file");
  }
  CommandResult Put(const std::string& name, const std::string& remote) {
    CommandResult put = stack_.DrayStats({"put", stack_.Path(name), ":/" + remote});
    chunks_of_a_file_ = put.Stats().value("chunks_total", uint64_t{0});
    chunks_put_ += chunks_of_a_file_;
    return put;
  }
  void MakePair(uint64_t seed, const std::string& before, const std::string& after) {
    std::string contents = RandomText(kFileBytes, seed);
    WriteFile(stack_.Path(before), contents);
    const std::string edits = RandomText(kFileBytes / kEditEvery * kEditBytes, seed + 1);
    for (uint64_t i = 0; i < kFileBytes / kEditEvery; ++i) {
      contents.replace(i * kEditEvery + 1000, kEditBytes, edits, i * kEditBytes, kEditBytes);
    }
    WriteFile(stack_.Path(after), contents);
  }
  // What a put of such a change moves when nothing goes wrong.
  uint64_t WholePut() {
    MakePair(3, "old2", "new2");
    Put("old2", "file2");
    return BytesMoved(Put("new2", "file2"));
  }
  // The same of a get of "new", which is put.
  uint64_t WholeGet() {
    stack_.DrayStats({"put", stack_.Path("new"), ":/file"});
    const std::string target = stack_.Path("whole");
    WriteFile(target, ReadFile(stack_.Path("old")));
    return BytesMoved(stack_.DrayStats({"get", ":/file", target}));
  }

  std::unique_ptr<Stack::Running> StartPut() {
    auto dray = stack_.StartDray({"put", stack_.Path("new"), ":/file", "--json", "--stats"});
    const uint64_t before = FolderBytes(stack_.StoreFolder());
    EXPECT_TRUE(Eventually(absl::Seconds(60), [&] {
      return FolderBytes(stack_.StoreFolder()) > before + kFileBytes * 3 / 4;
    }));
    dray->process().Signal(SIGSTOP);
    EXPECT_FALSE(dray->process().Poll().has_value()) << "it was too quick to be interrupted";
    WaitUntilMostIsRecorded();
    return dray;
  }
  // The client is stopped: however slow the disk is, what has arrived is synced and recorded.
  void WaitUntilMostIsRecorded() {
    EXPECT_TRUE(Eventually(absl::Seconds(60), [&] {
      return stack_.Metric("dray_catalog_chunks") >=
             static_cast<double>(chunks_put_ + chunks_of_a_file_ * 7 / 10);
    }));
  }
  std::unique_ptr<Stack::Running> StartGet() {
    MakeFolder(stack_.Path("target"));
    WriteFile(stack_.Path("target/file"), ReadFile(stack_.Path("old")));
    auto dray =
        stack_.StartDray({"get", ":/file", stack_.Path("target/file"), "--json", "--stats"});
    EXPECT_TRUE(Eventually(absl::Seconds(60), [&] { return PartBytes() > kFileBytes / 2; }));
    EXPECT_FALSE(dray->process().Poll().has_value()) << "it was too quick to be interrupted";
    return dray;
  }
  // What of the part file is there, holes left out.
  uint64_t PartBytes() const {
    struct stat status;
    const std::string part = stack_.Path("target/.file.dray-part");
    return ::stat(part.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_blocks) * 512 : 0;
  }
  void ExpectPut() {
    const CommandResult get = stack_.Dray({"get", ":/file", stack_.Target("back")});
    ASSERT_EQ(get.status, 0) << get.err;
    EXPECT_TRUE(SameContents(stack_.Path("new"), stack_.Target("back")));
    stack_.ExpectSound();
  }
  void ExpectGot() {
    EXPECT_TRUE(SameContents(stack_.Path("new"), stack_.Path("target/file")));
    EXPECT_EQ(CountEntries(stack_.Path("target")), 1u) << "the part was left behind";
  }

  Stack stack_;
  uint64_t chunks_of_a_file_ = 0;
  uint64_t chunks_put_ = 0;
};

TEST_F(DeltaResumeTest, AKilledPutGoesOn) {
  const uint64_t whole = WholePut();
  auto put = StartPut();
  put->process().Signal(SIGKILL);
  EXPECT_EQ(put->Finish(absl::Seconds(30)).status, 128 + SIGKILL);
  const CommandResult again = stack_.DrayStats({"put", stack_.Path("new"), ":/file"});
  // At most a quarter had not arrived.
  EXPECT_LT(BytesMoved(again), whole * 4 / 10);
  ExpectPut();
}

TEST_F(DeltaResumeTest, APutOutlivesItsServer) {
  const uint64_t whole = WholePut();
  auto put = StartPut();
  stack_.transfer().Kill();
  stack_.transfer().Start();
  put->process().Signal(SIGCONT);
  const CommandResult done = put->Finish(absl::Minutes(2));
  ASSERT_EQ(done.status, 0) << done.err;
  // What lay in the sockets' buffers goes twice.
  EXPECT_LT(BytesMoved(done), whole * 14 / 10);
  ExpectPut();
}

TEST_F(DeltaResumeTest, AKilledGetGoesOn) {
  const uint64_t whole = WholeGet();
  auto get = StartGet();
  get->process().Signal(SIGKILL);
  EXPECT_EQ(get->Finish(absl::Seconds(30)).status, 128 + SIGKILL);
  EXPECT_TRUE(SameContents(stack_.Path("old"), stack_.Path("target/file")))
      << "the target is untouched until all is there";
  const CommandResult again = stack_.DrayStats({"get", ":/file", stack_.Path("target/file")});
  EXPECT_LT(BytesMoved(again), whole * 7 / 10);
  ExpectGot();
}

TEST_F(DeltaResumeTest, AGetOutlivesItsServer) {
  const uint64_t whole = WholeGet();
  auto get = StartGet();
  stack_.transfer().Kill();
  stack_.transfer().Start();
  const CommandResult done = get->Finish(absl::Minutes(2));
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_LT(BytesMoved(done), whole * 14 / 10);
  ExpectGot();
}

}  // namespace
}  // namespace dray::testing
