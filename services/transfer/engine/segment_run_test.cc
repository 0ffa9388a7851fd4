#include "services/transfer/engine/segment_run.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/segment/testing/store_test_support.h"
#include "core/segment/testing/test_records.h"

namespace dray::transfer {
namespace {

// Records that lie one after the other, as a run; each stands for ten times as much content.
class SegmentRunTest : public testing::Test {
 protected:
  SegmentRunTest() : store_(OpenStore(folder_.path())) {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets_), 0);
    auto writer = Lease(*store_);
    SegmentRunBuilder builder;
    for (uint64_t i = 0; i < 8; ++i) {
      const std::string record = TestRecord(i, 100'000 + i);
      const RecordLocation location = AppendOne(*writer, record);
      builder.Add({.segment = location.segment,
                   .offset_bytes = location.offset_bytes,
                   .length_bytes = location.stored_bytes,
                   .content_bytes = 10 * location.stored_bytes});
      all_ += record;
    }
    runs_ = builder.Take();
  }
  ~SegmentRunTest() override {
    for (const int fd : sockets_) close(fd);
  }

  std::string Receive() {
    std::string got(1 << 20, '\0');
    const ssize_t n = recv(sockets_[1], got.data(), got.size(), 0);
    got.resize(n < 0 ? 0 : static_cast<size_t>(n));
    return got;
  }

  TemporaryFolder folder_;
  std::unique_ptr<SegmentStore> store_;
  int sockets_[2] = {-1, -1};
  std::string all_;
  std::vector<SegmentRun> runs_;
};

TEST_F(SegmentRunTest, RecordsThatFollowEachOtherAreOneRun) {
  ASSERT_EQ(runs_.size(), 1u);
  EXPECT_EQ(runs_[0].length_bytes, all_.size());
  EXPECT_EQ(runs_[0].content_bytes, 10 * all_.size());
}

// The socket takes a part at a time; what was sent of the content keeps step and adds up.
TEST_F(SegmentRunTest, SendsAllAndTellsHowMuchOfTheContentThatIs) {
  SegmentRunSender sender(store_.get(), runs_);
  std::string received;
  uint64_t sent = 0;
  uint64_t content = 0;
  int rounds = 0;
  for (; !sender.done() || received.size() < all_.size(); ++rounds) {
    ASSERT_LT(rounds, 10'000);
    if (!sender.done()) {
      ASSERT_TRUE(sender.Send(sockets_[0], 1 << 20).ok());
      sent += sender.TakeSentBytes();
      content += sender.TakeContentBytes();
      EXPECT_EQ(content, 10 * sent);
    }
    received += Receive();
  }
  EXPECT_GT(rounds, 1) << "the socket took all at once";
  EXPECT_TRUE(received == all_);
  EXPECT_EQ(content, 10 * all_.size());
}

}  // namespace
}  // namespace dray::transfer
