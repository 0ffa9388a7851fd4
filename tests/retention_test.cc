// The rules of how long old versions are kept, with the real programs: what `dray retention` tells
// and sets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;

class RetentionTest : public ::testing::Test {
 protected:
  void SetUp() override { stack_.Start(); }
  std::string Out(std::vector<std::string> arguments) {
    const CommandResult result = Run(std::move(arguments));
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }
  CommandResult Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "retention");
    return stack_.Dray(arguments);
  }

  Stack stack_;
};

TEST_F(RetentionTest, RulesAreSetToldAndRemoved) {
  EXPECT_EQ(Out({}), ":/: every version, for ever (no rule applies)\n");
  EXPECT_EQ(Out({":/a b", "--keep-last", "5"}), ":/a b: the newest 5 versions\n");
  EXPECT_EQ(Out({":/", "--keep", "30d", "--keep-last", "1"}),
            ":/: the newest version, and older ones for 30d after they were replaced\n");
  EXPECT_EQ(Out({}),
            ":/: the newest version, and older ones for 30d after they were replaced\n"
            ":/a b: the newest 5 versions\n");
  EXPECT_EQ(Out({":/a b/c/d"}), ":/a b/c/d: the newest 5 versions (the rule of :/a b)\n");
  EXPECT_EQ(Out({":/a b", "--forever"}),
            ":/a b: the newest version, and older ones for 30d after they were replaced (the rule "
            "of :/)\n");
  EXPECT_EQ(Out({":/", "--forever"}), ":/: every version, for ever (no rule applies)\n");
  EXPECT_EQ(Out({":/", "--forever"}), ":/: every version, for ever (no rule applies)\n");
  stack_.ExpectSound();
}

TEST_F(RetentionTest, ProgramsAreToldToo) {
  EXPECT_EQ(Out({"--json"}), "");
  Out({":/logs", "--keep", "1w", "--quiet"});
  Out({":/dumps", "--keep-last", "7"});
  const auto rules = Run({"--json"}).Objects();
  ASSERT_EQ(rules.size(), 2u);
  EXPECT_EQ(rules[0].value("rule", ""), "dumps");
  EXPECT_EQ(rules[0].value("keep_last", 0), 7);
  EXPECT_TRUE(rules[0]["keep"].is_null());
  EXPECT_EQ(rules[1].value("path", ""), "logs");
  EXPECT_EQ(rules[1].value("keep", ""), "7d");
  EXPECT_EQ(rules[1].value("keep_ns", int64_t{0}), int64_t{7} * 24 * 3600 * 1'000'000'000);
  const auto one = Run({":/logs/x", "--json"}).Objects();
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].value("path", ""), "logs/x");
  EXPECT_EQ(one[0].value("rule", ""), "logs");
}

TEST_F(RetentionTest, RulesAreThereAfterAKill) {
  Out({":/kept", "--keep", "2y"});
  stack_.delta().Kill();
  stack_.delta().Start();
  EXPECT_THAT(Out({}), HasSubstr("2y"));
}

TEST_F(RetentionTest, MoreThanOneFrameOfRulesIsTold) {
  const std::string name(250, 'n');
  std::string path = ":";
  for (int depth = 0; depth < 15; ++depth) path += "/" + name;
  for (int i = 0; i < 100; ++i) Out({path + "/" + std::to_string(i), "--keep-last", "1"});
  EXPECT_EQ(Run({"--json"}).Objects().size(), 100u);
}

TEST_F(RetentionTest, WhatIsNoRuleIsAnErrorThatTeaches) {
  const auto fails = [&](const std::vector<std::string>& arguments, const char* hint) {
    const CommandResult result = Run(arguments);
    EXPECT_EQ(result.status, 2) << result.out;
    EXPECT_THAT(result.err, HasSubstr(hint));
  };
  fails({":/a", "--keep", "soon"}, "30d");
  fails({":/a", "--keep", "200y"}, "100 years");
  fails({":/a", "--keep-last", "0"}, "--keep-last");
  fails({":/a", "--keep-last", "99999999999999999999999"}, "--keep-last");
  fails({":/a", "--forever", "--keep", "1d"}, "--forever");
  fails({"--keep", "1d"}, ":/");
  fails({"--forever"}, ":/");
  fails({"here", "--keep", "1d"}, ":/path");
  EXPECT_EQ(Out({}), ":/: every version, for ever (no rule applies)\n");
}

}  // namespace
}  // namespace dray::testing
