#include "cli/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dray {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kDay = 24 * 3600 * kSecond;

wire::v1::Retention Rule(const std::string& path, uint64_t keep_last, uint64_t keep_ns) {
  wire::v1::Retention rule;
  rule.set_path(path);
  rule.set_keep_last(keep_last);
  rule.set_keep_ns(keep_ns);
  return rule;
}

TEST(Keep, IsReadAsPeopleTypeIt) {
  EXPECT_EQ(ParseKeep("1s").value(), kSecond);
  EXPECT_EQ(ParseKeep("90m").value(), 90 * 60 * kSecond);
  EXPECT_EQ(ParseKeep("12h").value(), kDay / 2);
  EXPECT_EQ(ParseKeep("30d").value(), 30 * kDay);
  EXPECT_EQ(ParseKeep("6w").value(), 42 * kDay);
  EXPECT_EQ(ParseKeep("1y2d").value(), 367 * kDay);
  EXPECT_EQ(ParseKeep("100y").value(), 36500 * kDay);
}

TEST(Keep, WhatIsNoneIsRefusedWithExamples) {
  for (const char* text :
       {"", "0d", "d", "30", "30 d", "-1d", "1.5d", "1x", "30days", "101y", "100y1s",
        "99999999999999999999d", "18446744073709551615s", "36893488147419103232y"}) {
    const auto keep = ParseKeep(text);
    EXPECT_TRUE(absl::IsInvalidArgument(keep.status())) << text;
    EXPECT_THAT(keep.status().message(), HasSubstr("30d")) << text;
  }
}

TEST(Keep, IsToldBack) {
  EXPECT_EQ(KeepText(30 * kDay), "30d");
  EXPECT_EQ(KeepText(365 * kDay), "1y");
  EXPECT_EQ(KeepText(407 * kDay + 90 * 60 * kSecond), "1y42d1h30m");
  EXPECT_EQ(KeepText(kSecond / 2), "500ms");
}

TEST(Retention, TheRuleOfTheLongestPathApplies) {
  const std::vector<wire::v1::Retention> rules = {Rule("a", 1, 0), Rule("a/b", 2, 0)};
  EXPECT_EQ(RuleFor(rules, ""), nullptr);
  EXPECT_EQ(RuleFor(rules, "ab"), nullptr);
  EXPECT_EQ(RuleFor(rules, "a"), &rules[0]);
  EXPECT_EQ(RuleFor(rules, "a/bc"), &rules[0]);
  EXPECT_EQ(RuleFor(rules, "a/b/c"), &rules[1]);
}

TEST(Retention, IsToldInWordsAndAsJson) {
  const auto rule = Rule("a", 5, 30 * kDay);
  EXPECT_EQ(RetentionLine("a", &rule),
            ":/a: the newest 5 versions, and older ones for 30d after they were replaced");
  EXPECT_EQ(RetentionLine("a/b", &rule),
            ":/a/b: the newest 5 versions, and older ones for 30d after they were replaced (the "
            "rule of :/a)");
  EXPECT_EQ(RetentionLine("b\n", nullptr), ":/b\\x0a: every version, for ever (no rule applies)");
  const auto one = Rule("", 1, 0);
  EXPECT_EQ(RetentionLine("", &one), ":/: the newest version");
  EXPECT_EQ(RetentionJson("a/b", &rule),
            R"({"path":"a/b","rule":"a","keep_last":5,"keep":"30d","keep_ns":2592000000000000})");
  EXPECT_EQ(RetentionJson("a/b", nullptr),
            R"({"path":"a/b","rule":null,"keep_last":null,"keep":null,"keep_ns":null})");
}

}  // namespace
}  // namespace dray
