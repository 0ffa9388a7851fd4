// sync's patterns mean what git takes those of a .gitignore to mean.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/sync/filter.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

namespace dray::testing {
namespace {

// Names and patterns of few letters, so that many match.
const std::vector<std::string> kNames = {"a",   "b",   "ab", "a.b", "ba",
                                         "a b", "[a]", "!a", "#b",  "-"};
const std::vector<std::string> kPieces = {"a",      "b",      "ab",
                                          ".",      "*",      "**",
                                          "?",      "/",      "/",
                                          "[ab]",   "[!a]",   "[^b-z]",
                                          "[a-",    "[]a]",   "\\*",
                                          "\\a",    "\\[a",   " ",
                                          "\\ ",    "!",      "[[:alpha:]",
                                          "]",      "-",      "#",
                                          "**/",    "/**",    "/**/",
                                          "***",    "[a\\]]", "\\",
                                          "a.b",    "ba",     "[[:digit:]a]",
                                          "[[:x:]]"};

class PatternsTest : public ::testing::Test {
 protected:
  PatternsTest() : top_(scratch_.Path("top")) { MakeFolder(top_); }

  std::string PickFrom(const std::vector<std::string>& some) {
    return some[std::uniform_int_distribution<size_t>(0, some.size() - 1)(random_)];
  }
  // Paths of up to four names; folders come before what is in them.
  void MakeTree() {
    for (int i = 0; i < 400; ++i) {
      std::string path;
      const int depth = std::uniform_int_distribution<int>(1, 4)(random_);
      for (int d = 0; d < depth; ++d) {
        path += (d == 0 ? "" : "/") + PickFrom(kNames);
        if (files_.contains(path)) break;
        const bool file = d + 1 == depth && !folders_.contains(path);
        if (file) {
          files_.insert(path);
          WriteFile(top_ + "/" + path, "");
        } else if (folders_.insert(path).second) {
          MakeFolder(top_ + "/" + path);
        }
      }
    }
  }
  std::string RandomLine() {
    std::string line;
    const int pieces = std::uniform_int_distribution<int>(1, 6)(random_);
    for (int i = 0; i < pieces; ++i) line += PickFrom(kPieces);
    if (std::uniform_int_distribution<int>(0, 4)(random_) == 0) line = "!" + line;
    if (std::uniform_int_distribution<int>(0, 5)(random_) == 0) line += "/";
    return line;
  }
  void RunGit(const std::string& script, const std::string& output) {
    Process git({.command = {"/bin/sh", "-c", script},
                 .environment = {{"HOME", scratch_.folder()}, {"GIT_CONFIG_NOSYSTEM", "1"}},
                 .output_file = output,
                 .error_file = scratch_.Path("git.err"),
                 .folder = top_});
    ASSERT_TRUE(git.Wait(absl::Minutes(1))) << "git does not end";
  }
  // What git says is ignored.
  std::set<std::string> GitIgnored(const std::string& patterns) {
    WriteFile(top_ + "/.git/info/exclude", patterns);
    RunGit("git check-ignore --no-index --stdin -z < ../paths", scratch_.Path("ignored"));
    std::set<std::string> ignored;
    const std::string out = ReadFile(scratch_.Path("ignored"));
    for (const auto path : absl::StrSplit(out, '\0', absl::SkipEmpty())) {
      ignored.emplace(path);
    }
    return ignored;
  }
  // What a walk from the top leaves out.
  std::set<std::string> Excluded(const Filter& filter) {
    std::set<std::string> excluded;
    for (const auto* paths : {&folders_, &files_}) {
      for (const std::string& path : *paths) {
        const std::string parent =
            path.substr(0, path.find('/') == path.npos ? 0 : path.rfind('/'));
        const bool folder = paths == &folders_;
        if (excluded.contains(parent) || filter.Excludes(path, folder)) excluded.insert(path);
      }
    }
    return excluded;
  }

  Scratch scratch_;
  const std::string top_;
  std::mt19937 random_{20261126};
  std::set<std::string> files_, folders_;
};

TEST_F(PatternsTest, TheSameNamesAreLeftOut) {
  MakeTree();
  RunGit("git init -q .", scratch_.Path("init"));
  ASSERT_FALSE(HasFatalFailure());
  std::string paths;
  for (const auto* some : {&folders_, &files_}) {
    for (const std::string& path : *some) paths.append(path).push_back('\0');
  }
  WriteFile(scratch_.Path("paths"), paths);
  size_t left_out = 0;
  for (int round = 0; round < 250; ++round) {
    std::string patterns;
    for (int i = std::uniform_int_distribution<int>(1, 4)(random_); i > 0; --i) {
      patterns += RandomLine() + "\n";
    }
    WriteFile(scratch_.Path("patterns"), patterns);
    Filter filter;
    ASSERT_TRUE(filter.AddFile(scratch_.Path("patterns")).ok());
    const std::set<std::string> git = GitIgnored(patterns);
    const std::set<std::string> ours = Excluded(filter);
    left_out += ours.size();
    ASSERT_EQ(absl::StrJoin(ours, "\n"), absl::StrJoin(git, "\n")) << "patterns:\n" << patterns;
  }
  EXPECT_GT(left_out, 1000) << "the patterns match too little to tell";
}

}  // namespace
}  // namespace dray::testing
