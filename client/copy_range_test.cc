#include "client/copy_range.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "client/testing/scratch_tree.h"
#include "core/base/file.h"

namespace dray {
namespace {

using testing::Noise;
using testing::ScratchTree;

class CopyRangeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_.Write("from", from_);
    tree_.Write("to", to_);
  }
  // What "to" is after the copy.
  std::string Copy(uint64_t from_offset, uint64_t to_offset, uint64_t length) {
    const auto from = OpenFile(tree_.Path("from"), O_RDONLY);
    const auto to = OpenFile(tree_.Path("to"), O_RDWR);
    const absl::Status status = CopyRange(from->get(), from_offset, to->get(), to_offset, length);
    EXPECT_TRUE(status.ok()) << status;
    return tree_.Read("to");
  }

  ScratchTree tree_;
  const std::string from_ = Noise(100'000, 1);
  std::string to_ = Noise(100'000, 2);
};

TEST_F(CopyRangeTest, AtAnyOffsets) {
  for (const uint64_t shift : {0, 1, 4095, 4096, 8192}) {
    for (const uint64_t length : {1, 100, 4096, 10'000, 50'000}) {
      to_.replace(3000 + shift, length, from_, 3000, length);
      EXPECT_TRUE(Copy(3000, 3000 + shift, length) == to_) << shift << " " << length;
    }
  }
}

TEST_F(CopyRangeTest, WhatIsNotThereIsLeftOut) {
  to_.replace(10, 1000, from_, 99'000, 1000);
  EXPECT_TRUE(Copy(99'000, 10, 5000) == to_);
  EXPECT_TRUE(Copy(200'000, 10, 5000) == to_);
}

TEST_F(CopyRangeTest, WithinOneFile) {
  const auto fd = OpenFile(tree_.Path("from"), O_RDWR);
  ASSERT_TRUE(CopyRange(fd->get(), 0, fd->get(), 50'000, 1000).ok());
  std::string expected = from_;
  expected.replace(50'000, 1000, from_, 0, 1000);
  EXPECT_TRUE(tree_.Read("from") == expected);
  // The two overlap: anything may come of it but an error.
  EXPECT_TRUE(CopyRange(fd->get(), 0, fd->get(), 500, 10'000).ok());
}

TEST_F(CopyRangeTest, WhatCannotBeWrittenIsAnError) {
  const auto from = OpenFile(tree_.Path("from"), O_RDONLY);
  const auto to = OpenFile(tree_.Path("to"), O_RDONLY);
  EXPECT_FALSE(CopyRange(from->get(), 0, to->get(), 0, 1000).ok());
}

}  // namespace
}  // namespace dray
