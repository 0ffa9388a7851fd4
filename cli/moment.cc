#include "cli/moment.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"
#include "core/base/path.h"

namespace dray {
namespace {

constexpr int64_t kMaxCount = 1'000'000;  // of any unit: beyond, no answer makes sense

bool ParseLocal(const std::string& text, absl::TimeZone zone, absl::Time* time) {
  for (const char* format : {"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%E*S", "%Y-%m-%dT%H:%M",
                             "%Y-%m-%dT%H:%M:%E*S"}) {
    if (absl::ParseTime(format, text, zone, time, nullptr)) return true;
  }
  return false;
}

bool ParseTimeOfDay(const std::string& text, absl::Time now, absl::TimeZone zone,
                    absl::Time* time) {
  const std::string today = absl::FormatTime("%Y-%m-%d ", now, zone);
  return !text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text[0])) &&
         text.find(':') <= 2 && ParseLocal(today + text, zone, time);
}

// How much of what one unit stands for: a length of time, or whole days or months of a calendar.
struct Ago {
  absl::Duration duration;
  int64_t days = 0;
  int64_t months = 0;
};

bool AddUnit(absl::string_view unit, int64_t count, Ago* ago) {
  if (unit.size() > 2) absl::ConsumeSuffix(&unit, "s");
  const auto is_one_of = [&](std::initializer_list<absl::string_view> names) {
    return std::find(names.begin(), names.end(), unit) != names.end();
  };
  if (is_one_of({"s", "sec", "second"})) {
    ago->duration += absl::Seconds(count);
  } else if (is_one_of({"m", "min", "minute"})) {
    ago->duration += absl::Minutes(count);
  } else if (is_one_of({"h", "hr", "hour"})) {
    ago->duration += absl::Hours(count);
  } else if (is_one_of({"d", "day"})) {
    ago->days += count;
  } else if (is_one_of({"w", "week"})) {
    ago->days += 7 * count;
  } else if (unit == "month") {
    ago->months += count;
  } else if (is_one_of({"y", "year"})) {
    ago->months += 12 * count;
  } else {
    return false;
  }
  return true;
}

// "2 days 3h": numbers and units, with or without spaces.
std::optional<Ago> ParseAgo(absl::string_view text) {
  Ago ago;
  do {
    size_t digits = 0;
    while (digits < text.size() && absl::ascii_isdigit(text[digits])) ++digits;
    int64_t count = 0;
    if (!absl::SimpleAtoi(text.substr(0, digits), &count) || count > kMaxCount) return std::nullopt;
    text = absl::StripLeadingAsciiWhitespace(text.substr(digits));
    size_t letters = 0;
    while (letters < text.size() && absl::ascii_isalpha(text[letters])) ++letters;
    if (!AddUnit(text.substr(0, letters), count, &ago)) return std::nullopt;
    text = absl::StripLeadingAsciiWhitespace(text.substr(letters));
  } while (!text.empty());
  return ago;
}

absl::Time Before(absl::Time now, const Ago& ago, absl::TimeZone zone) {
  if (ago.days == 0 && ago.months == 0) return now - ago.duration;
  const absl::TimeZone::CivilInfo info = zone.At(now);
  absl::CivilDay day(info.cs);
  if (ago.months > 0) {
    // The last day of a month that is too short for this one.
    const absl::CivilMonth month = absl::CivilMonth(day) - ago.months;
    const absl::CivilDay last = absl::CivilDay(month + 1) - 1;
    day = std::min(absl::CivilDay(month) + (day.day() - 1), last);
  }
  day -= ago.days;
  const absl::CivilSecond second(day.year(), day.month(), day.day(), info.cs.hour(),
                                 info.cs.minute(), info.cs.second());
  return absl::FromCivil(second, zone) + info.subsecond - ago.duration;
}

std::optional<absl::Time> Parse(const std::string& text, absl::Time now, absl::TimeZone zone) {
  absl::Time time;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, nullptr) || ParseLocal(text, zone, &time) ||
      ParseTimeOfDay(text, now, zone, &time)) {
    return time;
  }
  const std::string lower = absl::AsciiStrToLower(text);
  if (lower == "now") return now;
  if (lower == "yesterday") return Before(now, {.duration = {}, .days = 1}, zone);
  absl::string_view rest = lower;
  if (absl::ConsumePrefix(&rest, "@")) {
    if (absl::ParseTime("%s", std::string(rest), &time, nullptr)) return time;
    return std::nullopt;
  }
  if (!absl::ConsumeSuffix(&rest, "ago")) return std::nullopt;
  const auto ago = ParseAgo(absl::StripAsciiWhitespace(rest));
  if (!ago) return std::nullopt;
  return Before(now, *ago, zone);
}

}  // namespace

absl::StatusOr<absl::Time> ParseMoment(std::string_view text, absl::Time now, absl::TimeZone zone) {
  const std::string typed(text);
  const auto time = Parse(std::string(absl::StripAsciiWhitespace(typed)), now, zone);
  if (time && *time > absl::UnixEpoch()) return *time;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", EscapeName(typed), "\" is no time ", time ? "after 1970" : "that is understood",
      "; such are 2026-11-24, \"2026-11-24 18:30\", 2026-11-24T18:30:00Z, 18:30, \"2h ago\", ",
      "\"3 days ago\", yesterday"));
}

}  // namespace dray
