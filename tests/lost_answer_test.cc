// The connection is cut between a change and its answer: the retry is the same change, not another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "dray/wire/v1/wire.pb.h"
#include "services/transfer/testing/wire_client.h"
#include "tests/support/cutting_proxy.h"
#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

class LostAnswerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
  }
  // Runs it over a connection that is cut at the first two answers of this type.
  void RunThrough(FrameType type, const std::vector<std::string>& arguments) {
    CuttingProxy proxy(stack_.server(), type, 2);
    Stack::DrayOptions options;
    options.server = proxy.address();
    const CommandResult result = stack_.Dray(arguments, options);
    EXPECT_EQ(result.status, 0) << result.err << result.out;
    EXPECT_EQ(proxy.cuts_left(), 0) << "the answer never came by";
  }
  size_t Versions(const std::string& remote) {
    return stack_.Dray({"log", "--json", remote}).Objects().size();
  }

  Stack stack_;
};

TEST_F(LostAnswerTest, OfALargeFile) {
  WriteRandomFile(stack_.Path("large"), 5 << 20, 1);
  RunThrough(FrameType::kPutDone, {"put", stack_.Path("large"), ":/large"});
  EXPECT_EQ(Versions(":/large"), 1u);
  // Its own version is no other's: the demand that nothing be there still holds.
  WriteRandomFile(stack_.Path("second"), 5 << 20, 2);
  RunThrough(FrameType::kPutDone, {"put", "--if-absent", stack_.Path("second"), ":/second"});
  RunThrough(FrameType::kPutDone, {"put", "--if-version", "1", stack_.Path("second"), ":/large"});
  EXPECT_EQ(Versions(":/large"), 2u);
  stack_.ExpectSound();
}

TEST_F(LostAnswerTest, OfSmallFiles) {
  MakeFolder(stack_.Path("tree"));
  for (int i = 0; i < 30; ++i) {
    WriteFile(stack_.Path("tree/" + std::to_string(i)), RandomText(3000, i));
  }
  RunThrough(FrameType::kPutBatchDone, {"put", "--if-absent", stack_.Path("tree"), ":/tree"});
  for (int i = 0; i < 30; ++i) EXPECT_EQ(Versions(":/tree/" + std::to_string(i)), 1u);
  stack_.ExpectSound();
}

TEST_F(LostAnswerTest, OfDeletionsInBatches) {
  const std::string tree = stack_.Path("tree");
  MakeFolder(tree);
  for (int i = 0; i < 700; ++i) WriteFile(tree + "/" + std::to_string(i), std::to_string(i));
  ASSERT_EQ(stack_.Dray({"put", tree, ":/tree"}).status, 0);
  for (int i = 0; i < 700; i += 2) RemoveFile(tree + "/" + std::to_string(i));
  RunThrough(FrameType::kPutBatchDone, {"sync", "--delete", tree, ":/tree"});
  for (int i = 0; i < 700; i += 50) EXPECT_EQ(Versions(":/tree/" + std::to_string(i)), 2u);
  EXPECT_EQ(stack_.Dray({"ls", "--json", ":/tree"}).Objects().size(), 350u);
  stack_.ExpectSound();
}

// Whoever lost the answer hears it once more, and what came since stays.
TEST_F(LostAnswerTest, OfDeletionsThatAreSentAgainLater) {
  const std::string tree = stack_.Path("tree");
  MakeFolder(tree);
  for (const char* name : {"a", "b"}) WriteFile(tree + "/" + name, name);
  ASSERT_EQ(stack_.Dray({"put", tree, ":/tree"}).status, 0);
  wire::v1::PutBatch batch;
  batch.set_operation_id(RandomBytes(16));
  for (const char* path : {"tree/a", "tree/b", "tree", "never"}) {
    wire::v1::BatchItem* const item = batch.add_items();
    item->set_path(path);
    item->mutable_metadata()->set_kind(wire::v1::DELETED);
  }
  const auto send = [&] {
    transfer::WireClient client(stack_.server());
    EXPECT_TRUE(client.Greet({}, wire::v1::BATCH_DELETES).ok());
    const auto frame = client.Call(FrameType::kPutBatch, 1, batch, FrameType::kPutBatchDone);
    EXPECT_TRUE(frame.ok()) << frame.status();
    std::vector<uint64_t> versions;
    if (!frame.ok()) return versions;
    const auto done = frame->As<wire::v1::PutBatchDone>();
    for (const auto& answer : done.answers()) versions.push_back(answer.version());
    return versions;
  };
  EXPECT_THAT(send(), ::testing::ElementsAre(2, 2, 2, 0));
  EXPECT_THAT(send(), ::testing::ElementsAre(2, 2, 2, 0));
  ASSERT_EQ(stack_.Dray({"restore", ":/tree"}).status, 0);
  EXPECT_EQ(stack_.Dray({"ls", "--json", ":/tree"}).Objects().size(), 2u);
  EXPECT_THAT(send(), ::testing::ElementsAre(2, 2, 2, 0));
  EXPECT_EQ(stack_.Dray({"ls", "--json", ":/tree"}).Objects().size(), 2u);
  stack_.ExpectSound();
}

TEST_F(LostAnswerTest, OfChangesOfNames) {
  WriteFile(stack_.Path("file"), "contents");
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/file"}).status, 0);
  RunThrough(FrameType::kChanged, {"mv", ":/file", ":/moved"});
  RunThrough(FrameType::kChanged, {"rm", ":/moved"});
  EXPECT_EQ(Versions(":/moved"), 2u);
  RunThrough(FrameType::kChanged, {"restore", ":/moved"});
  EXPECT_EQ(Versions(":/moved"), 3u);
  stack_.ExpectSound();
}

}  // namespace
}  // namespace dray::testing
