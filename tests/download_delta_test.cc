// A get moves what differs from what is here, and nothing that is here is trusted.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

// Lines that compress to a third or so, and do not repeat.
std::string Text(size_t bytes, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text;
  while (text.size() < bytes) {
    text += "line " + std::to_string(random() % 1'000'000) + " of the text says " +
            std::to_string(random() % 1000) + "\n";
  }
  text.resize(bytes);
  return text;
}

class DownloadDeltaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    MakeFolder(stack_.Path("target"));
  }

  void Put(const std::string& contents, const std::string& name = "file") {
    WriteFile(stack_.Path(name), contents);
    stack_.DrayStats({"put", stack_.Path(name), ":/" + name});
  }
  // What getting ":/NAME" over what is in the target moves. What it brings is `contents`.
  uint64_t MovedByGet(const std::string& contents, const std::string& name = "file") {
    const std::string target = stack_.Path("target/" + name);
    const uint64_t entries = CountEntries(stack_.Path("target"));
    const bool there = Exists(target);
    const CommandResult get = stack_.DrayStats({"get", ":/" + name, target});
    EXPECT_TRUE(ReadFile(target) == contents);
    EXPECT_EQ(CountEntries(stack_.Path("target")), entries + (there ? 0 : 1));
    return BytesMoved(get);
  }
  // Puts `before`, gets it, puts `after`; returns what getting that moves.
  uint64_t MovedByChange(const std::string& before, const std::string& after) {
    Put(before);
    MovedByGet(before);
    Put(after);
    return MovedByGet(after);
  }

  Stack stack_;
};

TEST_F(DownloadDeltaTest, OneBlockOfManyMegabytes) {
  const std::string before = RandomText(10 << 20, 1);
  std::string after = before;
  after.replace(1000 * 4096, 4096, RandomText(4096, 2));
  EXPECT_LT(MovedByChange(before, after), 8u << 10);
  stack_.ExpectSound();
}

TEST_F(DownloadDeltaTest, OneBlockOfText) {
  const std::string before = Text(10 << 20, 1);
  std::string after = before;
  after.replace(1000 * 4096, 4096, Text(4096, 2));
  EXPECT_LT(MovedByChange(before, after), 5u << 10);
}

TEST_F(DownloadDeltaTest, ScatteredEdits) {
  const std::string before = RandomText(32 << 20, 3);
  std::string after = before;
  for (size_t i = 0; i < 64; ++i) {
    after.replace(i * 500'000 + 12'345, 100, RandomText(100, i + 10));
  }
  EXPECT_LT(MovedByChange(before, after), 64u * 1000);
}

TEST_F(DownloadDeltaTest, WhatIsInsertedOrCut) {
  const std::string before = RandomText(16 << 20, 4);
  EXPECT_LT(MovedByChange(before, "!" + before), 8u << 10);
  EXPECT_LT(MovedByChange(before, before.substr(0, 5'000'000) + before.substr(6'000'000)),
            16u << 10);
  EXPECT_LT(MovedByChange(before, before + RandomText(1000, 5)), 8u << 10);
}

// All of each seam is in the chunks that are named as its base.
TEST_F(DownloadDeltaTest, WhereFarPartsAreSwappedOnlyListsMove) {
  constexpr size_t kQuarter = 4 << 20;
  for (uint64_t seed = 60; seed < 64; ++seed) {
    const std::string before = RandomText(4 * kQuarter, seed);
    const auto quarter = [&](size_t number) { return before.substr(number * kQuarter, kQuarter); };
    EXPECT_LT(MovedByChange(before, quarter(0) + quarter(2) + quarter(1) + quarter(3)), 12u << 10)
        << "seed " << seed;
    RemoveFile(stack_.Path("target/file"));
  }
}

// What is here was changed here too: the server does not know those chunks.
TEST_F(DownloadDeltaTest, AgainstBytesThatTheServerNeverSaw) {
  const std::string before = RandomText(16 << 20, 6);
  std::string after = before;
  after.replace(8'000'000, 4096, RandomText(4096, 7));
  Put(after);
  std::string here = before;
  for (size_t i = 0; i < 32; ++i) here.replace(i * 500'000 + 777, 10, "other text");
  WriteFile(stack_.Path("target/file"), here);
  EXPECT_LT(MovedByGet(after), 33u * 4000 + 8000);
}

// Never more than 2 % above what it costs to get the file where nothing is.
TEST_F(DownloadDeltaTest, WhatIsAllNewCostsLittleMoreThanItself) {
  for (const bool text : {false, true}) {
    const auto contents = [&](uint64_t seed) {
      return text ? Text(8 << 20, seed) : RandomText(8 << 20, seed);
    };
    Put(contents(10));
    const uint64_t fresh = MovedByGet(contents(10));
    RemoveFile(stack_.Path("target/file"));
    const std::string unlike = contents(11);
    WriteFile(stack_.Path("target/file"), unlike);
    EXPECT_LT(MovedByGet(contents(10)), fresh * 102 / 100);
    RemoveFile(stack_.Path("target/file"));
    // The server knows what is here, and it is of no use all the same.
    Put(unlike, "unlike");
    WriteFile(stack_.Path("target/file"), unlike);
    EXPECT_LT(MovedByGet(contents(10)), fresh * 102 / 100);
    RemoveFile(stack_.Path("target/file"));
  }
}

TEST_F(DownloadDeltaTest, FilesLikeItInTheSameFolderAreSources) {
  const std::string older = RandomText(16 << 20, 20);
  std::string newer = older;
  newer.replace(3'000'000, 4096, RandomText(4096, 21));
  Put(older, "disk-1.image");
  MovedByGet(older, "disk-1.image");
  WriteFile(stack_.Path("target/other.image"), RandomText(16 << 20, 22));
  Put(newer, "disk-2.image");
  EXPECT_LT(MovedByGet(newer, "disk-2.image"), 32u << 10);
  // Moved there: another name, the very same length.
  Put(older, "x");
  EXPECT_LT(MovedByGet(older, "x"), 32u << 10);
}

TEST_F(DownloadDeltaTest, AnInterruptedPartIsASource) {
  const std::string contents = RandomText(8 << 20, 30);
  Put(contents);
  std::string part = contents.substr(0, 6'000'000);
  part.replace(1'000'000, 1'000'000, 1'000'000, '\0');
  WriteFile(stack_.Path("target/.file.dray-part"), part, 0600);
  const CommandResult get = stack_.DrayStats({"get", ":/file", stack_.Path("target/file")});
  EXPECT_LT(BytesMoved(get), contents.size() - 6'000'000 + 1'000'000 + 700'000);
  EXPECT_TRUE(ReadFile(stack_.Path("target/file")) == contents);
  // Of another version: what was moved in it is found as well.
  WriteFile(stack_.Path("target/.file.dray-part"), "inserted" + contents, 0600);
  RemoveFile(stack_.Path("target/file"));
  const CommandResult again = stack_.DrayStats({"get", ":/file", stack_.Path("target/file")});
  EXPECT_LT(BytesMoved(again), contents.size() / 2);
  EXPECT_TRUE(ReadFile(stack_.Path("target/file")) == contents);
  EXPECT_EQ(CountEntries(stack_.Path("target")), 1u);
}

TEST_F(DownloadDeltaTest, ZeroesStayHoles) {
  std::string before = RandomText(4 << 20, 40) + std::string(64 << 20, '\0') + "end";
  std::string after = before;
  after.replace(1'000'000, 4096, RandomText(4096, 41));
  EXPECT_LT(MovedByChange(before, after), 12u << 10);
  struct stat status;
  ASSERT_EQ(::stat(stack_.Path("target/file").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 8 << 20);
}

// Somebody writes to the old file while it is read, copied and used as a base.
TEST_F(DownloadDeltaTest, ASourceThatChangesMeanwhileSpoilsNothing) {
  const std::string before = RandomText(24 << 20, 50);
  std::string after = before;
  for (size_t i = 0; i < 100; ++i) after.replace(i * 240'000, 50, RandomText(50, i + 60));
  Put(before);
  Put(after);
  for (int round = 0; round < 4; ++round) {
    const std::string target = stack_.Path("target/file");
    WriteFile(target, before);
    const int fd = ::open(target.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    std::atomic<bool> stop = false;
    std::thread writer([&] {
      std::mt19937_64 random(static_cast<uint64_t>(round));
      for (int i = 0; !stop; ++i) {
        const uint64_t word = random();
        const auto at = static_cast<off_t>(random() % before.size());
        if (::pwrite(fd, &word, sizeof(word), at) < 0) break;
        if (round == 3 && i == 1000 && ::ftruncate(fd, 10'000'000) != 0) break;
      }
    });
    const CommandResult get = stack_.DrayStats({"get", ":/file", target});
    stop = true;
    writer.join();
    ::close(fd);
    EXPECT_TRUE(ReadFile(target) == after) << "round " << round;
    EXPECT_EQ(CountEntries(stack_.Path("target")), 1u);
  }
}

}  // namespace
}  // namespace dray::testing
