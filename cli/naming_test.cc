#include "cli/naming.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "client/testing/scratch_tree.h"

namespace dray {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

RemoteName Remote(const std::string& text) { return *ParseRemoteName(text); }

// On the server there are the folder "dir" and the file "file".
absl::StatusOr<Standing> Stand(const std::string& path) {
  if (path == "dir") return Standing::kFolder;
  if (path == "file") return Standing::kOther;
  if (path == "down") return absl::UnavailableError("down");
  return Standing::kNothing;
}

std::vector<std::string> Puts(const std::vector<std::string>& sources, const std::string& target) {
  const auto jobs = NamePuts(sources, Remote(target), Stand);
  if (!jobs.ok()) return {std::string(absl::StatusCodeToString(jobs.status().code()))};
  std::vector<std::string> remotes;
  for (const PutJob& job : *jobs) remotes.push_back(job.remote);
  return remotes;
}

TEST(RemoteName, IsParsed) {
  EXPECT_EQ(Remote(":/a/b").path, "a/b");
  EXPECT_EQ(Remote(":a/b").path, "a/b");
  EXPECT_FALSE(Remote(":/a/b").folder);
  EXPECT_TRUE(Remote(":/a/b/").folder);
  EXPECT_EQ(Remote(":/a/b/").path, "a/b");
  EXPECT_TRUE(Remote(":").folder);
  EXPECT_TRUE(Remote(":/").folder);
  EXPECT_FALSE(Remote(":/a").server.has_value());
  EXPECT_EQ(Remote(R"(:/a\xff\\\x0a)").path, "a\xff\\\n");
  const RemoteName full = Remote("dray://[::1]:7000/x/y");
  EXPECT_EQ(full.server->ToString(), "[::1]:7000");
  EXPECT_EQ(full.path, "x/y");
  EXPECT_EQ(Remote("dray://host").server->port, kDefaultPort);
  EXPECT_TRUE(Remote("dray://host").folder);
}

TEST(RemoteName, RefusesWhatIsNone) {
  for (const char* text : {"local", "/abs", ":/../x", "://x", ":/a//b", ":/a/.", R"(:/\y)",
                           "dray://", "dray://host:0x/y", R"(:/a\x00)", ""}) {
    EXPECT_EQ(ParseRemoteName(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(NamePuts, FollowsTheRulesOfCopy) {
  EXPECT_THAT(Puts({"x/a"}, ":/new"), ElementsAre("new"));
  EXPECT_THAT(Puts({"x/a"}, ":/file"), ElementsAre("file"));
  EXPECT_THAT(Puts({"x/a"}, ":/dir"), ElementsAre("dir/a"));
  EXPECT_THAT(Puts({"x/a/"}, ":/dir"), ElementsAre("dir/a"));
  EXPECT_THAT(Puts({"x/a"}, ":/new/"), ElementsAre("new/a"));
  EXPECT_THAT(Puts({"x/a"}, ":/"), ElementsAre("a"));
  EXPECT_THAT(Puts({"a", "b/c"}, ":/dir"), ElementsAre("dir/a", "dir/c"));
  EXPECT_THAT(Puts({"a", "b"}, ":/new/"), ElementsAre("new/a", "new/b"));
  EXPECT_THAT(Puts({"."}, ":/dir"), ElementsAre("dir"));
  EXPECT_THAT(Puts({"/"}, ":/"), ElementsAre(""));
}

TEST(NamePuts, SeveralSourcesNeedAFolder) {
  EXPECT_THAT(Puts({"a", "b"}, ":/new"), ElementsAre("INVALID_ARGUMENT"));
  EXPECT_THAT(Puts({"a", "b"}, ":/file"), ElementsAre("INVALID_ARGUMENT"));
  EXPECT_THAT(Puts({"a"}, ":/down"), ElementsAre("UNAVAILABLE"));
}

TEST(NamePuts, TwoSourcesOfOneNameAreRefused) {
  EXPECT_THAT(Puts({"a/x", "b", "c/x"}, ":/dir"), ElementsAre("INVALID_ARGUMENT"));
  EXPECT_THAT(Puts({"a/x/", "x"}, ":/"), ElementsAre("INVALID_ARGUMENT"));
  EXPECT_THAT(std::string(NamePuts({"a/x", "c/x"}, Remote(":/dir"), Stand).status().message()),
              HasSubstr("a/x and c/x would both become :/dir/x"));
}

TEST(NameGets, TwoSourcesOfOneNameAreRefused) {
  const testing::ScratchTree tree;
  tree.MakeFolder("dir");
  const auto jobs = NameGets({Remote(":/a/x"), Remote(":/x")}, tree.Path("dir"));
  EXPECT_EQ(jobs.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(jobs.status().message()), HasSubstr(":/a/x and :/x would both become"));
  EXPECT_FALSE(NameGets({Remote(":/a/x"), Remote(":/x")}, tree.Path("made/")).ok());
  EXPECT_FALSE(tree.Exists("made"));
}

TEST(NameGets, FollowsTheRulesOfCopy) {
  const testing::ScratchTree tree;
  tree.MakeFolder("dir");
  const auto one = [&](const std::string& source, const std::string& target) {
    return NameGets({Remote(source)}, tree.Path(target)).value().at(0).local;
  };
  EXPECT_EQ(one(":/a/b", "new"), tree.Path("new"));
  EXPECT_EQ(one(":/a/b", "dir"), tree.Path("dir/b"));
  EXPECT_EQ(one(":/a/b/", "dir"), tree.Path("dir/b"));
  EXPECT_EQ(one(":/", "dir"), tree.Path("dir"));
  EXPECT_EQ(one(":/a/b", "made/"), tree.Path("made/b"));
  EXPECT_TRUE(tree.Exists("made"));
  EXPECT_EQ(NameGets({Remote(":/a"), Remote(":/b")}, tree.Path("none")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(NameGets({Remote(":/a"), Remote(":/b")}, tree.Path("dir")).value().at(1).local,
            tree.Path("dir/b"));
}

TEST(NameMove, IntoAFolder) {
  EXPECT_EQ(*NameMove(Remote(":/x/a"), Remote(":/dir"), Stand), "dir/a");
  EXPECT_EQ(*NameMove(Remote(":/x/a"), Remote(":/new"), Stand), "new");
  EXPECT_EQ(*NameMove(Remote(":/x/a"), Remote(":/file"), Stand), "file");
}

}  // namespace
}  // namespace dray
