#include "cli/moment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace dray {
namespace {

class MomentTest : public testing::Test {
 protected:
  static absl::TimeZone Berlin() {
    absl::TimeZone zone;
    EXPECT_TRUE(absl::LoadTimeZone("Europe/Berlin", &zone)) << "is tzdata installed?";
    return zone;
  }

  // In local time, or what is wrong.
  std::string Parsed(const std::string& text) {
    const auto time = ParseMoment(text, now_, zone_);
    if (!time.ok()) return absl::StatusCodeToString(time.status().code());
    return absl::FormatTime("%Y-%m-%d %H:%M:%E*S", *time, zone_);
  }

  const absl::TimeZone zone_ = Berlin();
  // A quarter past one in the afternoon, the day after clocks were put back there.
  const absl::Time now_ = absl::FromCivil(absl::CivilSecond(2026, 10, 26, 13, 15, 0), zone_);
};

TEST_F(MomentTest, DatesAreWhereTheDayBegan) {
  EXPECT_EQ(Parsed("2026-10-24"), "2026-10-24 00:00:00");
  EXPECT_EQ(Parsed(" 2026-10-24 "), "2026-10-24 00:00:00");
}

TEST_F(MomentTest, TimesOfDayAreLocalWithoutAZone) {
  EXPECT_EQ(Parsed("2026-10-24 18:30"), "2026-10-24 18:30:00");
  EXPECT_EQ(Parsed("2026-10-24T18:30:05.25"), "2026-10-24 18:30:05.25");
  EXPECT_EQ(Parsed("07:05"), "2026-10-26 07:05:00");
  EXPECT_EQ(Parsed("7:05:01"), "2026-10-26 07:05:01");
}

TEST_F(MomentTest, ZonesAreHeeded) {
  EXPECT_EQ(Parsed("2026-10-24T18:30:00Z"), "2026-10-24 20:30:00");
  EXPECT_EQ(Parsed("2026-10-24T18:30:00.123456789-05:00"), "2026-10-25 01:30:00.123456789");
  EXPECT_EQ(Parsed("@1700000000"), "2023-11-14 23:13:20");
}

TEST_F(MomentTest, AgoCountsHoursByTheClockAndDaysByTheCalendar) {
  EXPECT_EQ(Parsed("90s ago"), "2026-10-26 13:13:30");
  EXPECT_EQ(Parsed("1h30m ago"), "2026-10-26 11:45:00");
  EXPECT_EQ(Parsed("2 hours ago"), "2026-10-26 11:15:00");
  EXPECT_EQ(Parsed("48 hrs ago"), "2026-10-24 14:15:00");
  EXPECT_EQ(Parsed("2 days ago"), "2026-10-24 13:15:00");
  EXPECT_EQ(Parsed("1 week 1d ago"), "2026-10-18 13:15:00");
  EXPECT_EQ(Parsed("8 months ago"), "2026-02-26 13:15:00");
  EXPECT_EQ(Parsed("1 year ago"), "2025-10-26 13:15:00");
}

TEST_F(MomentTest, ShortMonthsEndEarly) {
  const absl::Time now = absl::FromCivil(absl::CivilSecond(2026, 3, 31, 12, 0, 0), zone_);
  EXPECT_EQ(ParseMoment("1 month ago", now, zone_).value(),
            absl::FromCivil(absl::CivilSecond(2026, 2, 28, 12, 0, 0), zone_));
}

TEST_F(MomentTest, WordsStandForTimes) {
  EXPECT_EQ(Parsed("now"), "2026-10-26 13:15:00");
  EXPECT_EQ(Parsed("Yesterday"), "2026-10-25 13:15:00");
}

TEST_F(MomentTest, WhatIsNoTimeIsRefusedWithExamples) {
  for (const char* text : {"", "soon", "2h", "ago", "h ago", "2 ago", "2 parsecs ago", "-2h ago",
                           "2026-13-01", "25:00", "2026-10-24 18", "9999999999999999999h ago",
                           "2000000 years ago", "1950-01-01", "@", "@x", "100 years ago"}) {
    EXPECT_EQ(Parsed(text), "INVALID_ARGUMENT") << text;
  }
  EXPECT_THAT(std::string(ParseMoment("soon", now_, zone_).status().message()),
              testing::AllOf(testing::HasSubstr("soon"), testing::HasSubstr("2h ago")));
}

}  // namespace
}  // namespace dray
