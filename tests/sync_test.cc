// `dray sync`, both ways: what it makes of the target, what it tells, and what it leaves alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class SyncTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    source_ = stack_.Path("source");
    back_ = stack_.Path("back");
    MakeFolder(source_);
  }

  // A tree with something of each kind in it.
  void MakeTree() {
    MakeFolder(source_ + "/a", 0750);
    MakeFolder(source_ + "/a/empty");
    MakeFolder(source_ + "/b");
    WriteFile(source_ + "/a/one", "one");
    WriteFile(source_ + "/a/none", "");
    WriteFile(source_ + "/a.txt", "sorts between a and a/one by bytes", 0600);
    WriteFile(source_ + "/b/\xff\xfe odd\nname", "odd");
    WriteRandomFile(source_ + "/b/large", 3 << 20, 7);
    MakeLink("../a/one", source_ + "/b/link");
    MakeLink("nowhere", source_ + "/dangling");
    SetMtime(source_ + "/a/one", 1'000'000'000, 123'456'789);
    SetMtime(source_ + "/b", 1'100'000'000, 5);
  }
  CommandResult Sync(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "sync");
    return stack_.Dray(arguments);
  }
  CommandResult Up(std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {source_, ":/there"});
    return Sync(std::move(flags));
  }
  CommandResult Down(std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {":/there", back_});
    return Sync(std::move(flags));
  }
  void Check(const CommandResult& result, int status = 0) {
    EXPECT_EQ(result.status, status) << result.out << result.err;
  }
  // Both directions, and what comes back is what was sent.
  void ExpectRoundTrip() {
    Check(Up({"--delete"}));
    Check(Down({"--delete"}));
    EXPECT_THAT(Differences(source_, back_), IsEmpty());
  }
  static std::vector<std::string> Lines(const std::string& text) {
    return absl::StrSplit(text, '\n', absl::SkipEmpty());
  }

  Stack stack_;
  std::string source_, back_;
};

TEST_F(SyncTest, EverythingArrivesAndASecondTimeNothingMoves) {
  MakeTree();
  ExpectRoundTrip();
  for (const bool up : {true, false}) {
    const CommandResult again = up ? Up({"-i", "--delete"}) : Down({"-i", "--delete"});
    Check(again);
    EXPECT_EQ(again.out, "");
  }
  const CommandResult log = stack_.Dray({"log", ":/there/a/one"});
  EXPECT_EQ(Lines(log.out).size(), 1) << "an unchanged file got a second version";
}

TEST_F(SyncTest, ATrailingSlashMakesNoDifference) {
  MakeTree();
  Check(Sync({source_ + "/", ":/there/"}));
  Check(Sync({":/there/", back_ + "/"}));
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
}

TEST_F(SyncTest, ChangesOfEachKind) {
  MakeTree();
  ExpectRoundTrip();
  WriteFile(source_ + "/a/one", "another length");
  WriteFile(source_ + "/a/new", "new");
  SetMode(source_ + "/a.txt", 0640);
  RemoveFile(source_ + "/dangling");
  MakeLink("elsewhere", source_ + "/dangling");
  RemoveFile(source_ + "/b/large");
  SetMtime(source_ + "/b/\xff\xfe odd\nname", 1'200'000'000, 0);
  const CommandResult up = Up({"-i", "--delete"});
  Check(up);
  EXPECT_THAT(Lines(up.out), AllOf(Contains("<f.st...... a/one"), Contains("<f+++++++++ a/new"),
                                   Contains(".f...p..... a.txt"), Contains("cLc.t...... dangling"),
                                   Contains("*deleting   b/large"),
                                   Contains("<f..t...... b/\\xff\\xfe odd\\x0aname")));
  const CommandResult down = Down({"-i", "--delete"});
  Check(down);
  EXPECT_THAT(Lines(down.out), AllOf(Contains(">f.st...... a/one"), Contains("*deleting   b/large"),
                                     Contains(".f...p..... a.txt")));
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
}

TEST_F(SyncTest, ADryRunTellsExactlyWhatARealRunDoes) {
  MakeTree();
  ExpectRoundTrip();
  WriteFile(source_ + "/a/one", "changed");
  MakeFolder(source_ + "/c");
  WriteFile(source_ + "/c/new", "new");
  RemoveFile(source_ + "/b/large");
  RemoveFile(source_ + "/a.txt");
  MakeFolder(source_ + "/a.txt");
  WriteFile(source_ + "/a.txt/inside", "inside");
  for (const bool up : {true, false}) {
    const auto run = [&](const std::string& flag) {
      return up ? Up({flag, "--delete"}) : Down({flag, "--delete"});
    };
    const CommandResult dry = run("-n");
    Check(dry);
    const CommandResult again = run("-n");
    EXPECT_EQ(dry.out, again.out) << "the dry run changed something";
    const CommandResult real = run("-i");
    Check(real);
    EXPECT_EQ(dry.out, real.out);
    EXPECT_NE(real.out, "");
  }
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
}

TEST_F(SyncTest, WithoutDeleteNothingIsDeleted) {
  MakeTree();
  ExpectRoundTrip();
  WriteFile(back_ + "/mine", "mine");
  RemoveFile(source_ + "/a/one");
  Check(Up());
  Check(Down());
  EXPECT_TRUE(Exists(back_ + "/mine"));
  EXPECT_TRUE(Exists(back_ + "/a/one"));
  EXPECT_EQ(stack_.Dray({"stat", ":/there/a/one"}).status, 0);
}

TEST_F(SyncTest, WholeFoldersAreDeletedAndComeBack) {
  MakeTree();
  ExpectRoundTrip();
  const std::string gone = stack_.Path("gone");
  ASSERT_EQ(::rename((source_ + "/a").c_str(), gone.c_str()), 0);
  ExpectRoundTrip();
  EXPECT_FALSE(Exists(back_ + "/a"));
  ASSERT_EQ(stack_.Dray({"restore", ":/there/a"}).status, 0);
  Check(Down());
  EXPECT_THAT(Differences(gone, back_ + "/a"), IsEmpty());
}

TEST_F(SyncTest, ThousandsOfNamesAreDeletedAndCanBeHadBack) {
  const auto folder = [&](int f) { return source_ + "/f" + std::to_string(f); };
  for (int f = 0; f < 30; ++f) {
    MakeFolder(folder(f));
    for (int i = 0; i < 100; ++i) {
      WriteFile(folder(f) + "/" + std::to_string(i), std::to_string(f * 100 + i));
    }
    MakeLink("0", folder(f) + "/link");
    MakeFolder(folder(f) + "/empty");
  }
  ExpectRoundTrip();
  // Five folders go whole; of the others half of the files, the link and the empty folder.
  const std::string gone = stack_.Path("gone");
  MakeFolder(gone);
  for (int f = 0; f < 5; ++f) {
    ASSERT_EQ(::rename(folder(f).c_str(), (gone + "/f" + std::to_string(f)).c_str()), 0);
  }
  for (int f = 5; f < 30; ++f) {
    for (int i = 0; i < 100; i += 2) RemoveFile(folder(f) + "/" + std::to_string(i));
    RemoveFile(folder(f) + "/link");
    ASSERT_EQ(::rmdir((folder(f) + "/empty").c_str()), 0);
  }
  const CommandResult deleted = Up({"--delete", "--json", "--stats"});
  Check(deleted);
  EXPECT_EQ(deleted.Stats()["deleted"], 5 * 103 + 25 * 52);
  EXPECT_EQ(deleted.Stats()["failed"], 0);
  Check(Down({"--delete"}));
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
  stack_.ExpectSound();

  for (const char* name : {"f0", "f4", "f5/0", "f17/98", "f17/link", "f29/empty"}) {
    EXPECT_EQ(stack_.Dray({"restore", std::string(":/there/") + name}).status, 0) << name;
  }
  EXPECT_EQ(Lines(stack_.Dray({"log", ":/there/f17/98"}).out).size(), 3);
  Check(Down());
  EXPECT_THAT(Differences(gone + "/f0", back_ + "/f0"), IsEmpty());
  EXPECT_THAT(Differences(gone + "/f4", back_ + "/f4"), IsEmpty());
  EXPECT_EQ(ReadFile(back_ + "/f5/0"), "500");
  EXPECT_EQ(ReadFile(back_ + "/f17/98"), "1798");
  EXPECT_TRUE(Exists(back_ + "/f29/empty"));
  EXPECT_FALSE(Exists(back_ + "/f1"));
  stack_.ExpectSound();
}

TEST_F(SyncTest, MaxDeleteKeepsAllOrNothing) {
  MakeTree();
  ExpectRoundTrip();
  RemoveFile(source_ + "/a/one");
  RemoveFile(source_ + "/a.txt");
  RemoveFile(source_ + "/dangling");
  WriteFile(source_ + "/new", "new");
  for (const bool up : {true, false}) {
    const auto run = [&](const std::string& most) {
      return up ? Up({"--delete", "--max-delete", most}) : Down({"--delete", "--max-delete", most});
    };
    const CommandResult refused = run("2");
    Check(refused, 3);
    EXPECT_THAT(refused.err, HasSubstr("3 names would be deleted"));
    EXPECT_EQ(stack_.Dray({"stat", ":/there/a/one"}).status, up ? 0 : 1);
    EXPECT_TRUE(up || (Exists(back_ + "/a/one") && Exists(back_ + "/new")));
    Check(run("3"));
  }
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
}

TEST_F(SyncTest, AMissingSourceChangesNothing) {
  MakeTree();
  ExpectRoundTrip();
  const CommandResult up = Sync({"--delete", stack_.Path("nothing"), ":/there"});
  Check(up, 1);
  EXPECT_THAT(up.err, HasSubstr("nothing was changed"));
  const CommandResult down = Sync({"--delete", ":/nothing", back_});
  Check(down, 1);
  EXPECT_THAT(down.err, HasSubstr("nothing was changed"));
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
  Check(Down({"-i"}));
  Check(Sync({source_ + "/a/one", ":/there"}), 1);
  Check(Sync({source_, stack_.Path("two")}), 2);
  Check(Sync({":/there", ":/two"}), 2);
}

TEST_F(SyncTest, AnEmptySourceEmptiesTheTargetOnlyIfToldTo) {
  MakeTree();
  ExpectRoundTrip();
  const std::string empty = stack_.Path("empty");
  MakeFolder(empty);
  Check(Sync({"--delete", "--max-delete", "4", empty, ":/there"}), 3);
  EXPECT_EQ(stack_.Dray({"stat", ":/there/a/one"}).status, 0);
  Check(Sync({"--delete", empty, ":/there"}));
  EXPECT_EQ(stack_.Dray({"ls", "-r", ":/there"}).out, "");
}

TEST_F(SyncTest, ChecksumSeesWhatTimesHide) {
  MakeTree();
  ExpectRoundTrip();
  WriteFile(source_ + "/a/one", "two");  // of the same length
  SetMtime(source_ + "/a/one", 1'000'000'000, 123'456'789);
  EXPECT_EQ(Up({"-i"}).out, "");
  EXPECT_EQ(Up({"-i", "--checksum"}).out, "<fc........ a/one\n");
  EXPECT_EQ(Down({"-i"}).out, "");
  EXPECT_EQ(Down({"-i", "--checksum"}).out, ">fc........ a/one\n");
  EXPECT_EQ(ReadFile(back_ + "/a/one"), "two");
  // Another time alone moves no contents, and is known not to.
  SetMtime(source_ + "/b/large", 1'300'000'000, 1);
  const CommandResult touched = Up({"-i", "--checksum", "--json", "--stats"});
  EXPECT_THAT(touched.out, HasSubstr(".f..t......"));
  EXPECT_LT(BytesMoved(touched), 200'000);
}

TEST_F(SyncTest, TouchedFilesMoveNoContents) {
  MakeTree();
  ExpectRoundTrip();
  SetMtime(source_ + "/b/large", 1'300'000'000, 1);
  EXPECT_LT(BytesMoved(Up({"--json", "--stats"})), 200'000);
  EXPECT_LT(BytesMoved(Down({"--json", "--stats"})), 200'000);
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
}

TEST_F(SyncTest, UpdateLeavesNewerFilesAlone) {
  MakeTree();
  ExpectRoundTrip();
  WriteFile(back_ + "/a/one", "newer here");
  WriteFile(source_ + "/b/large", "newer there");
  SetMtime(source_ + "/b/large", 2'000'000'000, 0);
  Check(Up());
  Check(Down({"--update"}));
  EXPECT_EQ(ReadFile(back_ + "/a/one"), "newer here");
  EXPECT_EQ(ReadFile(back_ + "/b/large"), "newer there");
  Check(Sync({"--update", back_, ":/there"}));
  Check(Sync({"--update", source_, ":/there"}));
  Check(Sync({":/there", stack_.Path("third")}));
  EXPECT_EQ(ReadFile(stack_.Path("third/a/one")), "newer here");
}

TEST_F(SyncTest, PatternsHoldForBothSides) {
  MakeTree();
  WriteFile(source_ + "/a/x.o", "object");
  WriteFile(source_ + "/keep.o", "object");
  WriteFile(stack_.Path("patterns"), "# what is made anew\n*.o\n!keep.o\n/b/\n");
  Check(Up({"--exclude-from", stack_.Path("patterns")}));
  const std::string there = stack_.Dray({"ls", "-r", ":/there"}).out;
  EXPECT_THAT(Lines(there), AllOf(Contains("keep.o"), Contains("a/one"), Not(Contains("a/x.o")),
                                  Not(Contains("b")), Not(Contains("b/large"))));
  MakeFolder(back_);
  MakeFolder(back_ + "/old");
  WriteFile(back_ + "/old/mine.o", "mine");
  WriteFile(back_ + "/old/other", "other");
  Check(Down({"--delete", "--exclude", "*.o", "--include", "keep.o"}));
  EXPECT_TRUE(Exists(back_ + "/keep.o"));
  EXPECT_TRUE(Exists(back_ + "/old/mine.o")) << "what is excluded is not deleted";
  EXPECT_FALSE(Exists(back_ + "/old/other"));
  // The order between the flags counts: the last one that matches decides.
  EXPECT_EQ(Up({"-n", "--include", "keep.o", "--exclude", "*.o", "--exclude", "/b"}).out, "");
  Check(Up({"--exclude", ""}), 2);
}

TEST_F(SyncTest, FilesAndFoldersTakeEachOthersPlace) {
  MakeTree();
  ExpectRoundTrip();
  RemoveFile(source_ + "/a.txt");
  MakeFolder(source_ + "/a.txt");
  WriteFile(source_ + "/a.txt/inside", "inside");
  RemoveFile(source_ + "/dangling");
  MakeFolder(source_ + "/dangling");
  const std::string gone = stack_.Path("gone");
  ASSERT_EQ(::rename((source_ + "/a").c_str(), gone.c_str()), 0);
  WriteFile(source_ + "/a", "a file now");
  // A folder that is not empty goes only with --delete; all else is done.
  const CommandResult blocked = Up();
  Check(blocked, 3);
  EXPECT_THAT(blocked.err, HasSubstr("--delete"));
  EXPECT_EQ(stack_.Dray({"stat", ":/there/a.txt/inside"}).status, 0);
  Check(Up({"--delete"}));
  Check(Down(), 3);
  EXPECT_TRUE(Exists(back_ + "/a/one"));
  Check(Down({"--delete"}));
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
}

TEST_F(SyncTest, OneUnreadableFileStopsNothingElse) {
  MakeTree();
  ExpectRoundTrip();
  WriteFile(source_ + "/a/secret", "secret", 0000);
  WriteFile(source_ + "/z", "after it");
  RemoveFile(source_ + "/a/one");
  const CommandResult up =
      stack_.Dray({"sync", "--delete", source_, ":/there"}, {.honour_modes = true});
  Check(up, 3);
  EXPECT_THAT(up.err, HasSubstr("secret"));
  EXPECT_EQ(stack_.Dray({"stat", ":/there/z"}).status, 0);
  EXPECT_EQ(stack_.Dray({"stat", ":/there/a/one"}).status, 1) << "the list was whole";
}

TEST_F(SyncTest, AnUnreadableFolderForbidsDeleting) {
  MakeTree();
  ExpectRoundTrip();
  RemoveFile(source_ + "/a.txt");
  SetMode(source_ + "/a", 0000);
  const CommandResult up =
      stack_.Dray({"sync", "--delete", source_, ":/there"}, {.honour_modes = true});
  SetMode(source_ + "/a", 0750);
  Check(up, 3);
  EXPECT_THAT(up.err, HasSubstr("nothing is deleted"));
  EXPECT_EQ(stack_.Dray({"stat", ":/there/a/one"}).status, 0);
  EXPECT_EQ(stack_.Dray({"stat", ":/there/a.txt"}).status, 0);
}

TEST_F(SyncTest, ALinkInTheTargetLeadsNowhereElse) {
  MakeTree();
  ExpectRoundTrip();
  const std::string outside = stack_.Path("outside");
  ASSERT_EQ(::rename((back_ + "/a").c_str(), outside.c_str()), 0);
  MakeLink(outside, back_ + "/a");
  WriteFile(outside + "/precious", "precious");
  WriteFile(source_ + "/a/one", "changed");
  Check(Up());
  Check(Down({"--delete"}));
  EXPECT_EQ(ReadFile(outside + "/precious"), "precious");
  EXPECT_EQ(ReadFile(outside + "/one"), "one");
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
}

TEST_F(SyncTest, ReadOnlyFoldersAreWrittenTo) {
  MakeTree();
  SetMode(source_ + "/a", 0550);
  Check(Up());
  const Stack::DrayOptions as_user = {.honour_modes = true};
  Check(stack_.Dray({"sync", ":/there", back_}, as_user));
  SetMode(source_ + "/a", 0750);
  WriteFile(source_ + "/a/one", "changed");
  RemoveFile(source_ + "/a/none");
  SetMode(source_ + "/a", 0550);
  Check(Up({"--delete"}));
  Check(stack_.Dray({"sync", "--delete", ":/there", back_}, as_user));
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
  SetMode(source_ + "/a", 0750);
  SetMode(back_ + "/a", 0750);
}

TEST_F(SyncTest, SpecialFilesAreSkippedAndTold) {
  MakeTree();
  ASSERT_EQ(::mkfifo((source_ + "/pipe").c_str(), 0600), 0);
  const CommandResult up = Up();
  Check(up);
  EXPECT_THAT(up.err, HasSubstr("pipe"));
  EXPECT_EQ(stack_.Dray({"stat", ":/there/pipe"}).status, 1);
}

TEST_F(SyncTest, SmallChangesInSmallFilesMoveLittle) {
  constexpr uint64_t kBytes = 20'000;
  for (int i = 0; i < 200; ++i) {
    WriteRandomFile(source_ + "/" + std::to_string(i), kBytes, 100 + static_cast<uint64_t>(i));
  }
  ExpectRoundTrip();
  for (int i = 0; i < 200; i += 4) {
    const std::string file = source_ + "/" + std::to_string(i);
    std::string content = ReadFile(file);
    content.replace(static_cast<size_t>(i) * 50, 10, "other bits");
    WriteFile(file, content);
  }
  // 50 files: beside the changes the signatures and what is around each change move, and the lists.
  EXPECT_LT(BytesMoved(Up({"--json", "--stats"})), 50 * kBytes / 8);
  Check(Down({"--delete"}));
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
}

// What a list tells of a file is its name, size and time.
TEST_F(SyncTest, WhereNothingChangedAListMoves) {
  constexpr int kFiles = 2000;
  for (int i = 0; i < kFiles; ++i) {
    WriteFile(source_ + "/" + std::to_string(i), std::to_string(i));
  }
  ExpectRoundTrip();
  EXPECT_LT(BytesMoved(Up({"--delete", "--json", "--stats"})), kFiles * 20);
  EXPECT_LT(BytesMoved(Down({"--delete", "--json", "--stats"})), kFiles * 20);
}

TEST_F(SyncTest, AMovedFolderCostsItsNames) {
  MakeFolder(source_ + "/old");
  for (int i = 0; i < 300; ++i) {
    WriteFile(source_ + "/old/" + std::to_string(i), RandomText(20'000 + i % 5, i));
  }
  WriteRandomFile(source_ + "/old/large", 3 << 20, 9);
  ExpectRoundTrip();
  MakeFolder(source_ + "/new");
  ASSERT_EQ(::rename((source_ + "/old").c_str(), (source_ + "/new/place").c_str()), 0);
  EXPECT_LT(BytesMoved(Up({"--delete", "--json", "--stats"})), 150'000);
  EXPECT_LT(BytesMoved(Down({"--delete", "--json", "--stats"})), 150'000);
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
  // Without --delete both names stay here.
  ASSERT_EQ(::rename((source_ + "/new/place").c_str(), (source_ + "/third").c_str()), 0);
  Check(Up({"--delete"}));
  EXPECT_LT(BytesMoved(Down({"--json", "--stats"})), 150'000);
  EXPECT_THAT(Differences(source_ + "/third", back_ + "/third"), IsEmpty());
  EXPECT_THAT(Differences(source_ + "/third", back_ + "/new/place"), IsEmpty());
}

// What the target has under another name, which stays, is not moved again: neither a copy nor a
// second name of the same file.
TEST_F(SyncTest, ACopyOfWhatIsThereCostsItsName) {
  MakeFolder(source_ + "/m");
  for (int i = 0; i < 100; ++i) {
    WriteFile(source_ + "/m/" + std::to_string(i), RandomText(20'000 + i % 5, i));
  }
  WriteRandomFile(source_ + "/m/large", 3 << 20, 9);
  ExpectRoundTrip();
  // Before and after the files that they are like.
  for (const std::string& folder : {source_ + "/a", source_ + "/z"}) {
    MakeFolder(folder);
    for (int i = 0; i < 100; ++i) {
      WriteFile(folder + "/copy" + std::to_string(i), RandomText(20'000 + i % 5, i));
    }
    ASSERT_EQ(::link((source_ + "/m/large").c_str(), (folder + "/linked").c_str()), 0);
  }
  for (const bool deleting : {false, true}) {
    std::vector<std::string> flags = {"--json", "--stats"};
    if (deleting) {
      flags.push_back("--delete");
      ASSERT_EQ(::rename((source_ + "/a").c_str(), (source_ + "/b").c_str()), 0);
    }
    const CommandResult up = Up(flags);
    Check(up);
    EXPECT_LT(BytesMoved(up), 150'000);
    const CommandResult down = Down(flags);
    Check(down);
    EXPECT_LT(BytesMoved(down), 150'000);
    EXPECT_THAT(Differences(source_, back_), IsEmpty());
  }
}

// The server's word is for what a file was when it was put: what is here is read.
TEST_F(SyncTest, WhatLooksLikeACopyIsReadFirst) {
  const std::string contents(1000, 'c');
  const std::string others(1000, 'o');
  WriteFile(source_ + "/one", contents);
  SetMtime(source_ + "/one", 1'000'000'000, 5);
  ExpectRoundTrip();
  WriteFile(back_ + "/one", others);  // unseen: size and time are as they were
  SetMtime(back_ + "/one", 1'000'000'000, 5);
  MakeFolder(source_ + "/folder");
  WriteFile(source_ + "/folder/two", contents);
  Check(Up());
  Check(Down());
  EXPECT_EQ(ReadFile(back_ + "/folder/two"), contents);
  EXPECT_EQ(ReadFile(back_ + "/one"), others);
}

TEST_F(SyncTest, WhatLooksLikeAMovedFileIsReadFirst) {
  WriteFile(source_ + "/old", "contents");
  ExpectRoundTrip();
  RemoveFile(source_ + "/old");
  WriteFile(source_ + "/new", "CONTENTS");  // of the same length
  ExpectRoundTrip();
  EXPECT_EQ(ReadFile(back_ + "/new"), "CONTENTS");
}

TEST_F(SyncTest, HolesStayHoles) {
  const std::string file = source_ + "/sparse";
  WriteFile(file, "begin");
  ASSERT_EQ(::truncate(file.c_str(), 64 << 20), 0);
  ExpectRoundTrip();
  struct stat status;
  ASSERT_EQ(::stat((back_ + "/sparse").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 4 << 20);
}

TEST_F(SyncTest, ARateIsKeptToBothWays) {
  WriteRandomFile(source_ + "/large", 2 << 20, 3);
  for (const bool up : {true, false}) {
    const auto result = up ? Up({"--bwlimit", "1M", "--json", "--stats"})
                           : Down({"--bwlimit", "1M", "--json", "--stats"});
    Check(result);
    EXPECT_GT(result.Stats()["seconds"].get<double>(), 1.8);
  }
  EXPECT_THAT(Differences(source_, back_), IsEmpty());
  Check(Up({"--bwlimit", "1"}), 2);
}

TEST_F(SyncTest, JsonHasAnObjectForEachChange) {
  MakeTree();
  const CommandResult dry = Up({"-n", "--json"});
  Check(dry);
  std::vector<std::string> names;
  for (const auto& object : dry.Objects()) {
    EXPECT_TRUE(object["dry_run"].get<bool>());
    names.push_back(object["name"]);
  }
  EXPECT_THAT(names, ElementsAre("./", "a/", "a/empty/", "a/none", "a/one", "a.txt", "b/",
                                 "b/large", "b/link", "b/\\xff\\xfe odd\\x0aname", "dangling"));
  const CommandResult real = Up({"--json", "--stats"});
  EXPECT_EQ(real.Stats()["files"], 5);
  EXPECT_EQ(real.Stats()["deleted"], 0);
}

}  // namespace
}  // namespace dray::testing
