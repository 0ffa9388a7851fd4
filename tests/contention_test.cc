// What gets in each other's way: two clients at one path, files where folders are, files that
// change while they are read, names that are too long.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ContentionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
  }
  // Puts these local files to one remote name at the same time; returns how each ended.
  std::vector<CommandResult> PutAtOnce(const std::vector<std::string>& names,
                                       const std::vector<std::string>& flags,
                                       const std::string& remote) {
    std::vector<std::unique_ptr<Stack::Running>> running;
    for (const std::string& name : names) {
      std::vector<std::string> arguments = {"put", stack_.Path(name), remote};
      arguments.insert(arguments.end(), flags.begin(), flags.end());
      running.push_back(stack_.StartDray(arguments));
    }
    std::vector<CommandResult> results;
    for (auto& put : running) results.push_back(put->Finish(absl::Minutes(2)));
    return results;
  }
  // The one whose contents the remote file has; -1 if it is none of them.
  int WhoseContents(const std::vector<std::string>& names, const std::string& remote) {
    const std::string back = stack_.Target("back" + std::to_string(++reads_));
    EXPECT_EQ(stack_.Dray({"get", remote, back}).status, 0);
    for (size_t i = 0; i < names.size(); ++i) {
      if (SameContents(stack_.Path(names[i]), back)) return static_cast<int>(i);
    }
    return -1;
  }
  size_t Versions(const std::string& remote) {
    return stack_.Dray({"log", "--json", remote}).Objects().size();
  }

  Stack stack_;
  int reads_ = 0;
};

TEST_F(ContentionTest, OfTwoWithoutADemandBothAreKeptAsVersions) {
  const std::vector<std::string> names = {"one", "two", "three"};
  for (const uint64_t size : {uint64_t{1000}, uint64_t{6} << 20}) {
    const std::string remote = ":/shared" + std::to_string(size);
    for (const auto& name : names) WriteRandomFile(stack_.Path(name), size, ++reads_);
    for (const auto& result : PutAtOnce(names, {}, remote)) EXPECT_EQ(result.status, 0);
    EXPECT_EQ(Versions(remote), names.size());
    EXPECT_GE(WhoseContents(names, remote), 0);
  }
  stack_.ExpectSound();
}

TEST_F(ContentionTest, OfTwoWithADemandOneWins) {
  const std::vector<std::string> names = {"one", "two", "three"};
  for (const uint64_t size : {uint64_t{1000}, uint64_t{6} << 20}) {
    const std::string remote = ":/shared" + std::to_string(size);
    size_t versions = 0;
    for (const auto& demand : std::vector<std::vector<std::string>>{
             {"--if-absent"}, {"--if-version", "1"}, {"--if-version", "2"}}) {
      for (const auto& name : names) WriteRandomFile(stack_.Path(name), size, ++reads_);
      const auto results = PutAtOnce(names, demand, remote);
      int winner = -1;
      for (size_t i = 0; i < results.size(); ++i) {
        if (results[i].status == 0) {
          EXPECT_EQ(winner, -1) << "two were told that theirs replaced the same version";
          winner = static_cast<int>(i);
        } else {
          EXPECT_THAT(results[i].err,
                      AnyOf(HasSubstr("exists already"), HasSubstr("somebody else")));
        }
      }
      EXPECT_EQ(WhoseContents(names, remote), winner);
      EXPECT_EQ(Versions(remote), ++versions);
    }
  }
  stack_.ExpectSound();
}

TEST_F(ContentionTest, AFileAndAFolderAtOneNameAtOnce) {
  for (int round = 0; round < 5; ++round) {
    const std::string number = std::to_string(round);
    WriteFile(stack_.Path("thing"), "a file");
    MakeFolder(stack_.Path("folder" + number));
    WriteFile(stack_.Path("folder" + number) + "/inside", "within");
    auto file = stack_.StartDray({"put", stack_.Path("thing"), ":/name" + number});
    auto folder = stack_.StartDray(
        {"put", stack_.Path("folder" + number) + "/inside", ":/name" + number + "/inside"});
    const bool file_done = file->Finish(absl::Minutes(2)).status == 0;
    const bool folder_done = folder->Finish(absl::Minutes(2)).status == 0;
    // Where the folder is there before the file's name is looked at, the file goes into it.
    const bool file_within = stack_.Dray({"stat", ":/name" + number + "/thing"}).status == 0;
    EXPECT_EQ(file_done && folder_done, file_within) << "round " << round;
    EXPECT_TRUE(file_done || folder_done) << "round " << round;
  }
  stack_.ExpectSound();
}

TEST_F(ContentionTest, WhereAFolderIsNoFileIsPutAndNoneIsGot) {
  MakeFolder(stack_.Path("tree"));
  MakeFolder(stack_.Path("tree/both"));
  WriteFile(stack_.Path("tree/both/inside"), "within");
  WriteFile(stack_.Path("tree/other"), "other");
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("tree"), ":/tree"}).status, 0);

  // The same names, the other way round.
  MakeFolder(stack_.Path("turned"));
  WriteFile(stack_.Path("turned/both"), "a file");
  MakeFolder(stack_.Path("turned/other"));
  WriteFile(stack_.Path("turned/other/inside"), "within");
  WriteFile(stack_.Path("turned/new"), "new");
  const CommandResult put =
      stack_.Dray({"put", stack_.Path("turned") + "/both", stack_.Path("turned") + "/other",
                   stack_.Path("turned") + "/new", ":/tree"});
  EXPECT_NE(put.status, 0);
  EXPECT_THAT(put.err, HasSubstr("both"));
  EXPECT_THAT(put.err, HasSubstr("other"));
  EXPECT_EQ(stack_.Dray({"stat", ":/tree/new"}).status, 0) << "what is not in the way arrives";

  const CommandResult get =
      stack_.Dray({"get", ":/tree/both", ":/tree/other", stack_.Path("turned") + "/"});
  EXPECT_NE(get.status, 0);
  EXPECT_EQ(ReadFile(stack_.Path("turned/both")), "a file");
  EXPECT_EQ(ReadFile(stack_.Path("turned/other/inside")), "within");
  stack_.ExpectSound();
}

TEST_F(ContentionTest, NamesThatAreTooLongAreRefusedAndNothingElseIs) {
  WriteFile(stack_.Path("file"), "contents");
  const std::string longest(255, 'n');
  const std::string too_long(300, 'n');
  EXPECT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/" + longest}).status, 0);
  EXPECT_EQ(stack_.Dray({"get", ":/" + longest, stack_.Path(longest)}).status, 0);
  EXPECT_EQ(ReadFile(stack_.Path(longest)), "contents");
  for (const std::string& remote : {":/" + too_long, ":/folder/" + too_long + "/file"}) {
    const CommandResult put = stack_.Dray({"put", stack_.Path("file"), remote});
    EXPECT_NE(put.status, 0);
    EXPECT_THAT(put.err, HasSubstr("255")) << "it says how long a name may be";
    EXPECT_NE(stack_.Dray({"get", remote, stack_.Target("back")}).status, 0);
  }
  std::string deep = ":";
  while (deep.size() < 4200) deep += "/" + std::string(200, 'd');
  EXPECT_THAT(stack_.Dray({"put", stack_.Path("file"), deep}).err, HasSubstr("4096"));
  stack_.ExpectSound();
}

// Appended to and overwritten all the time: either it is put as it was at one moment, or not at
// all.
TEST_F(ContentionTest, AFileThatChangesWhileItIsReadIsNeverAMixture) {
  MakeFolder(stack_.Path("tree"));
  WriteFile(stack_.Path("tree/calm"), "calm");
  const std::string file = stack_.Path("tree/restless");
  constexpr size_t kBytes = 8 << 20;
  WriteFile(file, std::string(kBytes, 'a'));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    // The file is of one letter; while it becomes another one, it is of two.
    for (char letter = 'b'; !stop; letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1)) {
      std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
      for (size_t at = 0; at < kBytes; at += 65536) out << std::string(65536, letter);
      out.flush();
      absl::SleepFor(absl::Milliseconds(letter % 3 * 40));
    }
  });
  for (int round = 0; round < 4; ++round) {
    const CommandResult put = stack_.Dray({"put", stack_.Path("tree"), ":/"});
    if (put.status != 0) {
      EXPECT_THAT(put.err, HasSubstr("restless"));
    }
    EXPECT_EQ(stack_.Dray({"stat", ":/tree/calm"}).status, 0);
    const std::string back = stack_.Target("back" + std::to_string(round));
    if (stack_.Dray({"get", ":/tree/restless", back}).status != 0) continue;
    const std::string got = ReadFile(back);
    EXPECT_EQ(got.size(), kBytes);
    // At any moment it begins with one letter, and goes on with the one before it to the end.
    const size_t edge = std::min(got.find_first_not_of(got[0]), got.size());
    EXPECT_TRUE(edge == got.size() || got.find_first_not_of(got[edge], edge) == std::string::npos)
        << "a mixture of several moments";
  }
  stop = true;
  writer.join();
  stack_.ExpectSound();
}

TEST_F(ContentionTest, WhatCannotBeReadFailsAlone) {
  MakeFolder(stack_.Path("tree"));
  WriteFile(stack_.Path("tree/open"), "open");
  WriteRandomFile(stack_.Path("tree/closed-large"), 3 << 20, 1);
  WriteFile(stack_.Path("tree/closed"), "closed");
  MakeFolder(stack_.Path("tree/closed-folder"));
  SetMode(stack_.Path("tree/closed"), 0);
  SetMode(stack_.Path("tree/closed-large"), 0);
  SetMode(stack_.Path("tree/closed-folder"), 0);
  Stack::DrayOptions options;
  options.honour_modes = true;
  const CommandResult put = stack_.Dray({"put", stack_.Path("tree"), ":/tree"}, options);
  EXPECT_EQ(put.status, 3);
  for (const char* name : {"closed", "closed-large", "closed-folder"}) {
    EXPECT_THAT(put.err, HasSubstr(std::string("tree/") + name));
  }
  EXPECT_EQ(stack_.Dray({"get", ":/tree/open", stack_.Target("back")}).status, 0);
  EXPECT_NE(stack_.Dray({"stat", ":/tree/closed"}).status, 0);
  SetMode(stack_.Path("tree/closed-folder"), 0755);
}

}  // namespace
}  // namespace dray::testing
