#include "client/sync/filter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/testing/scratch_tree.h"

namespace dray {
namespace {

bool Matches(const std::string& line, const std::string& path, bool folder = false) {
  const auto pattern = IgnorePattern::Parse(line);
  return pattern && pattern->Matches(path, folder);
}

TEST(IgnorePatternTest, LinesThatSayNothing) {
  EXPECT_FALSE(IgnorePattern::Parse(""));
  EXPECT_FALSE(IgnorePattern::Parse("# a comment"));
  EXPECT_FALSE(IgnorePattern::Parse("   "));
}

TEST(IgnorePatternTest, BackslashesTakeTheMeaningAway) {
  EXPECT_TRUE(Matches("\\#file", "#file"));
  EXPECT_TRUE(Matches("\\!file", "!file"));
  EXPECT_TRUE(Matches("a\\*b", "a*b"));
  EXPECT_FALSE(Matches("a\\*b", "axb"));
  EXPECT_TRUE(Matches("end\\ ", "end "));
  EXPECT_FALSE(Matches("end\\", "end\\")) << "a backslash at the end is a mistake";
}

TEST(IgnorePatternTest, SpacesAtTheEndDoNotCount) {
  EXPECT_TRUE(Matches("file  ", "file"));
  EXPECT_TRUE(Matches(" file", " file"));
}

TEST(IgnorePatternTest, NamesMatchAtAnyDepth) {
  EXPECT_TRUE(Matches("file", "a/b/file"));
  EXPECT_TRUE(Matches("*.o", "a/b/c.o"));
  EXPECT_TRUE(Matches("*", "a/b"));
  EXPECT_FALSE(Matches("file", "a/myfile"));
}

TEST(IgnorePatternTest, ASlashTiesToTheTop) {
  EXPECT_TRUE(Matches("/file", "file"));
  EXPECT_FALSE(Matches("/file", "a/file"));
  EXPECT_TRUE(Matches("a/file", "a/file"));
  EXPECT_FALSE(Matches("a/file", "b/a/file"));
  EXPECT_TRUE(Matches("a/*", "a/file"));
  EXPECT_FALSE(Matches("a/*", "a/b/file"));
}

TEST(IgnorePatternTest, ASlashAtTheEndMeansFolders) {
  EXPECT_TRUE(Matches("build/", "a/build", true));
  EXPECT_FALSE(Matches("build/", "a/build", false));
  EXPECT_FALSE(Matches("/", "a", true));
}

TEST(IgnorePatternTest, TwoAsterisks) {
  EXPECT_TRUE(Matches("**/file", "file"));
  EXPECT_TRUE(Matches("**/a/b", "x/y/a/b"));
  EXPECT_FALSE(Matches("**/a/b", "xa/b"));
  EXPECT_TRUE(Matches("a/**", "a/b/c"));
  EXPECT_FALSE(Matches("a/**", "a"));
  EXPECT_TRUE(Matches("a/**/b", "a/b"));
  EXPECT_TRUE(Matches("a/**/b", "a/x/y/b"));
  EXPECT_FALSE(Matches("a/x**/b", "a/xy/z/b")) << "it is one asterisk where a name is beside it";
  EXPECT_TRUE(Matches("a/x**/b", "a/xyz/b"));
}

TEST(IgnorePatternTest, Sets) {
  EXPECT_TRUE(Matches("[a-c]x", "bx"));
  EXPECT_FALSE(Matches("[!a-c]x", "bx"));
  EXPECT_TRUE(Matches("[^a-c]x", "dx"));
  EXPECT_TRUE(Matches("[]]x", "]x"));
  EXPECT_TRUE(Matches("[[:digit:]]", "7"));
  EXPECT_FALSE(Matches("[[:digit:]]", "a"));
  EXPECT_TRUE(Matches("[a\\]]", "]"));
  EXPECT_FALSE(Matches("[a", "[a"));
  EXPECT_FALSE(Matches("a[^b]c", "a/c"));
  EXPECT_FALSE(Matches("/a[/]c", "a/c"));
}

TEST(IgnorePatternTest, ManyAsterisksEndInTime) {
  std::string pattern, path;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(Matches(pattern + "b", std::string(4000, 'a')));
  for (int i = 0; i < 300; ++i) path += "a/";
  pattern.clear();
  for (int i = 0; i < 200; ++i) pattern += "**/";
  EXPECT_FALSE(Matches(pattern + "b", path + "a"));
}

TEST(FilterTest, TheLastPatternDecides) {
  Filter filter;
  ASSERT_TRUE(filter.AddPattern("*.log").ok());
  ASSERT_TRUE(filter.AddInclude("keep.log").ok());
  EXPECT_TRUE(filter.Excludes("a.log", false));
  EXPECT_FALSE(filter.Excludes("a/keep.log", false));
  ASSERT_TRUE(filter.AddPattern("/a/*").ok());
  EXPECT_TRUE(filter.Excludes("a/keep.log", false));
}

TEST(FilterTest, APatternThatSaysNothingIsAMistake) {
  Filter filter;
  EXPECT_FALSE(filter.AddPattern("").ok());
  EXPECT_FALSE(filter.AddPattern("#x").ok());
  EXPECT_TRUE(filter.empty());
}

TEST(FilterTest, FilesOfPatterns) {
  const testing::ScratchTree tree;
  tree.Write("patterns", "\xef\xbb\xbf*.o\r\n\n# no *.c\n!keep.o\nlast");
  Filter filter;
  ASSERT_TRUE(filter.AddFile(tree.Path("patterns")).ok());
  EXPECT_TRUE(filter.Excludes("a.o", false));
  EXPECT_FALSE(filter.Excludes("keep.o", false));
  EXPECT_FALSE(filter.Excludes("a.c", false));
  EXPECT_TRUE(filter.Excludes("last", false));
  EXPECT_FALSE(filter.AddFile(tree.Path("missing")).ok());
}

}  // namespace
}  // namespace dray
