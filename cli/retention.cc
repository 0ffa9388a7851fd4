#include "cli/retention.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "core/base/path.h"

namespace dray {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kDay = 24 * 3600 * kSecond;
constexpr uint64_t kYear = 365 * kDay;
constexpr uint64_t kMaxKeep = 100 * kYear;

// 0 for a letter that is no unit.
uint64_t UnitNs(char unit) {
  switch (unit) {
    case 's':
      return kSecond;
    case 'm':
      return 60 * kSecond;
    case 'h':
      return 3600 * kSecond;
    case 'd':
      return kDay;
    case 'w':
      return 7 * kDay;
    case 'y':
      return kYear;
    default:
      return 0;
  }
}

// Nothing for what is no time, or too long.
std::optional<uint64_t> Parse(absl::string_view text) {
  uint64_t sum = 0;
  while (!text.empty()) {
    size_t digits = 0;
    while (digits < text.size() && absl::ascii_isdigit(text[digits])) ++digits;
    uint64_t count = 0;
    if (digits == text.size() || !absl::SimpleAtoi(text.substr(0, digits), &count)) {
      return std::nullopt;
    }
    const uint64_t unit = UnitNs(text[digits]);
    if (unit == 0 || count > (kMaxKeep - sum) / unit) return std::nullopt;
    sum += count * unit;
    text.remove_prefix(digits + 1);
  }
  return sum;
}

std::string KeptText(const wire::v1::Retention& rule) {
  std::string text = rule.keep_last() > 1
                         ? absl::StrCat("the newest ", rule.keep_last(), " versions")
                         : "the newest version";
  if (rule.keep_ns() > 0) {
    absl::StrAppend(&text, ", and older ones for ", KeepText(rule.keep_ns()),
                    " after they were replaced");
  }
  return text;
}

}  // namespace

absl::StatusOr<uint64_t> ParseKeep(std::string_view text) {
  const auto keep = Parse({text.data(), text.size()});
  if (keep && *keep > 0) return *keep;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", EscapeName(text),
                   "\" is no length of time up to 100 years; such are 90m, 12h, 30d, 6w, ",
                   "1y, 1y6w (units s m h d w y)"));
}

std::string KeepText(uint64_t keep_ns) {
  std::string text;
  if (const uint64_t years = keep_ns / kYear; years > 0) absl::StrAppend(&text, years, "y");
  if (const uint64_t days = keep_ns % kYear / kDay; days > 0) absl::StrAppend(&text, days, "d");
  if (const uint64_t rest = keep_ns % kDay; rest > 0) {
    absl::StrAppend(&text, absl::FormatDuration(absl::Nanoseconds(rest)));
  }
  return text;
}

const wire::v1::Retention* RuleFor(const std::vector<wire::v1::Retention>& rules,
                                   const std::string& path) {
  const wire::v1::Retention* longest = nullptr;
  for (const wire::v1::Retention& rule : rules) {
    if (!IsAtOrBeneath(path, rule.path())) continue;
    if (longest == nullptr || rule.path().size() > longest->path().size()) longest = &rule;
  }
  return longest;
}

std::string RetentionLine(const std::string& path, const wire::v1::Retention* rule) {
  std::string line = absl::StrCat(":/", EscapeName(path), ": ");
  if (rule == nullptr) return line + "every version, for ever (no rule applies)";
  line += KeptText(*rule);
  if (rule->path() != path) {
    absl::StrAppend(&line, " (the rule of :/", EscapeName(rule->path()), ")");
  }
  return line;
}

std::string RetentionJson(const std::string& path, const wire::v1::Retention* rule) {
  nlohmann::ordered_json json = {{"path", EscapeName(path)},
                                 {"rule", nullptr},
                                 {"keep_last", nullptr},
                                 {"keep", nullptr},
                                 {"keep_ns", nullptr}};
  if (rule != nullptr) {
    json["rule"] = EscapeName(rule->path());
    if (rule->keep_last() > 0) json["keep_last"] = rule->keep_last();
    if (rule->keep_ns() > 0) {
      json["keep"] = KeepText(rule->keep_ns());
      json["keep_ns"] = rule->keep_ns();
    }
  }
  return json.dump();
}

}  // namespace dray
