// The verbs that deal with names and versions: ls stat rm mv log restore status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class NamesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    MakeFolder(stack_.Path("tree"));
    MakeFolder(stack_.Path("tree/sub"));
    WriteFile(stack_.Path("tree/file"), "first");
    WriteFile(stack_.Path("tree/sub/other"), "other");
    Run({"put", stack_.Path("tree"), ":/tree"});
  }
  CommandResult Run(const std::vector<std::string>& arguments, int expected_status = 0) {
    CommandResult result = stack_.Dray(arguments);
    EXPECT_EQ(result.status, expected_status) << arguments[0] << ": " << result.err << result.out;
    return result;
  }
  void PutFile(const std::string& contents) {
    WriteFile(stack_.Path("tree/file"), contents);
    Run({"put", stack_.Path("tree/file"), ":/tree/file"});
  }
  std::string Contents(const std::string& remote) {
    const std::string back = stack_.Target("back" + std::to_string(++reads_));
    Run({"get", remote, back});
    return Exists(back) ? ReadFile(back) : "";
  }

  Stack stack_;
  int reads_ = 0;
};

TEST_F(NamesTest, ListTellsWhatIsInAFolder) {
  const std::string out = Run({"ls", ":/tree"}).out;
  EXPECT_THAT(out, HasSubstr("file"));
  EXPECT_THAT(out, HasSubstr("sub"));
  EXPECT_THAT(out, Not(HasSubstr("other")));
  EXPECT_THAT(Run({"ls", "--recursive", ":/tree"}).out, HasSubstr("sub/other"));
  EXPECT_EQ(Run({"ls", "--json", ":/tree"}).Objects().size(), 2u);
}

TEST_F(NamesTest, WhatIsNotThereIsNotFound) {
  for (const char* verb : {"ls", "stat", "log", "rm"}) {
    EXPECT_THAT(Run({verb, ":/nothing"}, 1).err, HasSubstr("nothing")) << verb;
  }
  Run({"get", ":/nothing", stack_.Target("back")}, 1);
  EXPECT_FALSE(Exists(stack_.Target("back")));
}

TEST_F(NamesTest, StatTellsSizeAndVersion) {
  PutFile("second one");
  const auto objects = Run({"stat", "--json", ":/tree/file"}).Objects();
  ASSERT_FALSE(objects.empty());
  EXPECT_EQ(objects[0].value("size", 0), 10);
  EXPECT_EQ(objects[0].value("version", 0), 2);
}

TEST_F(NamesTest, EachPutIsAVersionThatCanBeReadAndRestored) {
  PutFile("second");
  PutFile("third");
  EXPECT_EQ(Run({"log", "--json", ":/tree/file"}).Objects().size(), 3u);
  Run({"restore", ":/tree/file", "--version", "1"});
  EXPECT_EQ(Contents(":/tree/file"), "first");
  EXPECT_EQ(Run({"log", "--json", ":/tree/file"}).Objects().size(), 4u);
}

TEST_F(NamesTest, UnchangedPutMakesNoVersion) {
  Run({"put", stack_.Path("tree/file"), ":/tree/file"});
  EXPECT_EQ(Run({"log", "--json", ":/tree/file"}).Objects().size(), 1u);
}

TEST_F(NamesTest, RemovedFileIsGoneUntilRestored) {
  Run({"rm", ":/tree/file"});
  Run({"stat", ":/tree/file"}, 1);
  EXPECT_THAT(Run({"ls", ":/tree"}).out, Not(HasSubstr("file")));
  Run({"restore", ":/tree/file"});
  EXPECT_EQ(Contents(":/tree/file"), "first");
}

TEST_F(NamesTest, FolderIsRemovedOnlyWhenThatIsMeantAndComesBackWhole) {
  EXPECT_THAT(Run({"rm", ":/tree"}, 1).err, HasSubstr("recursive"));
  Run({"rm", "--recursive", ":/tree"});
  Run({"ls", ":/tree"}, 1);
  Run({"restore", ":/tree"});
  Run({"get", ":/tree", stack_.Target("back")});
  EXPECT_THAT(Differences(stack_.Path("tree"), stack_.Target("back")), IsEmpty());
}

TEST_F(NamesTest, MovedFolderIsThereUnderItsNewNameOnly) {
  Run({"mv", ":/tree", ":/moved"});
  Run({"stat", ":/tree/file"}, 1);
  Run({"get", ":/moved", stack_.Target("back")});
  EXPECT_THAT(Differences(stack_.Path("tree"), stack_.Target("back")), IsEmpty());
}

TEST_F(NamesTest, MoveNeverOverwrites) {
  PutFile("second");
  WriteFile(stack_.Path("taken"), "taken");
  Run({"put", stack_.Path("taken"), ":/taken"});
  Run({"mv", ":/tree/file", ":/taken"}, 1);
  EXPECT_EQ(Contents(":/taken"), "taken");
  EXPECT_EQ(Contents(":/tree/file"), "second");
  Run({"mv", ":/tree", ":/tree/sub/inside"}, 1);
}

TEST_F(NamesTest, FileAndFolderCannotShareAName) {
  EXPECT_NE(stack_.Dray({"put", stack_.Path("tree/file"), ":/tree/file/below"}).status, 0);
  EXPECT_EQ(Contents(":/tree/file"), "first");
}

TEST_F(NamesTest, StatusTellsOfEachPart) {
  const std::string out = Run({"status"}).out;
  EXPECT_THAT(out, HasSubstr("delta"));
  EXPECT_THAT(out, HasSubstr("monitor"));
  stack_.delta().Kill();
  // It is looked at now and then.
  EXPECT_TRUE(Eventually(absl::Seconds(20), [&] {
    const auto objects = stack_.Dray({"status", "--json"}).Objects();
    return !objects.empty() && objects[0].dump().find("\"healthy\":false") != std::string::npos;
  }));
}

}  // namespace
}  // namespace dray::testing
