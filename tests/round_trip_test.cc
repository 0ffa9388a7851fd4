// What is put comes back as it was: names, kinds, modes, times, links, contents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::IsEmpty;

constexpr int64_t kSomeDay = 1'234'567'890;

class RoundTripTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
  }
  std::string Path(const std::string& name) { return stack_.Path(name); }
  std::string Target(const std::string& name) { return stack_.Target(name); }
  void Put(const std::string& local, const std::string& remote) {
    const CommandResult result = stack_.Dray({"put", local, remote});
    ASSERT_EQ(result.status, 0) << result.err;
  }
  void Get(const std::string& remote, const std::string& local) {
    const CommandResult result = stack_.Dray({"get", remote, local});
    ASSERT_EQ(result.status, 0) << result.err;
  }

  Stack stack_;
};

// One of each kind of entry, with modes and times that nothing has by accident.
void MakeTree(const std::string& top) {
  MakeFolder(top);
  WriteFile(top + "/empty file", "");
  WriteFile(top + "/one byte", "x", 0600);
  WriteFile(top + "/program", "#!/bin/sh\n", 0755);
  WriteFile(top + "/read only", "fixed", 0444);
  WriteRandomFile(top + "/several chunks", 3'000'001, 7);
  MakeFolder(top + "/empty folder", 0700);
  MakeFolder(top + "/deep");
  MakeFolder(top + "/deep/deeper", 0751);
  WriteFile(top + "/deep/deeper/file", RandomText(70'000, 1));
  MakeLink("deep/deeper", top + "/link to a folder");
  MakeLink("one byte", top + "/link to a file");
  MakeLink("../nothing/there", top + "/dangling link");
  SetMtime(top + "/one byte", kSomeDay, 1);
  SetMtime(top + "/program", kSomeDay, 999'999'999);
  SetMtime(top + "/empty file", -kSomeDay, 5);
  SetMtime(top + "/deep/deeper", kSomeDay, 123'456'789);
  SetMtime(top + "/empty folder", kSomeDay + 1, 987'654'321);
}

TEST_F(RoundTripTest, FolderComesBackWithModesTimesAndLinks) {
  MakeTree(Path("tree"));
  Put(Path("tree"), ":/tree");
  Get(":/tree", Target("back"));
  EXPECT_THAT(Differences(Path("tree"), Target("back")), IsEmpty());
}

TEST_F(RoundTripTest, NamesMayBeAnyBytes) {
  MakeFolder(Path("names"));
  // Each byte but NUL and '/', in names of their own and together.
  std::string all;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    all.push_back(static_cast<char>(byte));
    WriteFile(Path("names/x") + static_cast<char>(byte), std::string(1, static_cast<char>(byte)));
  }
  WriteFile(Path("names/") + all.substr(0, 127), "low");
  WriteFile(Path("names/") + all.substr(127), "high");
  WriteFile(Path("names/-rf"), "a flag's look");
  WriteFile(Path("names/") + std::string(255, 'n'), "as long as may be");
  MakeLink("\xff\n\\x41", Path("names/link"));
  Put(Path("names"), ":/names");
  Get(":/names", Target("back"));
  EXPECT_THAT(Differences(Path("names"), Target("back")), IsEmpty());
}

TEST_F(RoundTripTest, SingleFileKeepsModeAndTime) {
  WriteFile(Path("file"), "contents", 0640);
  SetMtime(Path("file"), kSomeDay, 42);
  Put(Path("file"), ":/name");
  Get(":/name", Target("back"));
  EXPECT_THAT(Differences(Path("file"), Target("back")), IsEmpty());
}

TEST_F(RoundTripTest, ChangedFolderComesBackChanged) {
  MakeTree(Path("tree"));
  Put(Path("tree"), ":/tree");
  Get(":/tree", Target("back"));
  WriteFile(Path("tree/one byte"), "y", 0644);
  SetMode(Path("tree/deep"), 0711);
  RemoveFile(Path("tree/dangling link"));
  MakeLink("elsewhere", Path("tree/dangling link"));
  // Put beneath its parent, so that cp's rule does not nest it.
  Put(Path("tree"), ":/");
  Get(":/tree", Path("again"));
  EXPECT_THAT(Differences(Path("tree"), Path("again")), IsEmpty());
}

TEST_F(RoundTripTest, PutAndGetNameAsCopyDoes) {
  MakeFolder(Path("folder"));
  WriteFile(Path("folder/file"), "contents");
  Put(Path("folder"), ":/new");
  Get(":/new/file", Path("first"));
  Put(Path("folder"), ":/new");
  Get(":/new/folder/file", Path("second"));
  EXPECT_EQ(ReadFile(Path("first")), "contents");
  EXPECT_EQ(ReadFile(Path("second")), "contents");
  Put(Path("folder/file"), ":/new/");
  MakeFolder(Path("target"));
  Get(":/new/file", Path("target"));
  EXPECT_EQ(ReadFile(Path("target/file")), "contents");
}

TEST_F(RoundTripTest, SetuidIsNotRestored) {
  WriteFile(Path("file"), "contents", 04755);
  Put(Path("file"), ":/file");
  Get(":/file", Target("back"));
  struct stat info;
  ASSERT_EQ(stat(Target("back").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755u);
}

TEST_F(RoundTripTest, HolesComeBackAsZeros) {
  WriteFile(Path("sparse"), "start");
  ASSERT_EQ(truncate(Path("sparse").c_str(), 10 << 20), 0);
  Put(Path("sparse"), ":/sparse");
  Get(":/sparse", Target("back"));
  EXPECT_TRUE(SameContents(Path("sparse"), Target("back")));
}

TEST_F(RoundTripTest, SystemHeadersComeBackIdenticalAndPutAgainMoveNextToNothing) {
  const std::string headers = "/usr/include";
  const CommandResult first = stack_.DrayStats({"put", headers, ":/include"});
  MakeFolder(Target("back"));
  Get(":/include", Target("back"));
  EXPECT_THAT(Differences(headers, Target("back/include")), IsEmpty());

  Put(headers, ":/");
  const CommandResult again = stack_.DrayStats({"put", headers, ":/"});
  const uint64_t total = again.Stats()["bytes_total"];
  EXPECT_EQ(first.Stats()["bytes_total"], total);
  EXPECT_LT(BytesMoved(again), total / 50) << again.out.substr(again.out.rfind('{'));

  const CommandResult get_again = stack_.DrayStats({"get", ":/include", Target("back")});
  EXPECT_LT(BytesMoved(get_again), total / 20);
}

}  // namespace
}  // namespace dray::testing
