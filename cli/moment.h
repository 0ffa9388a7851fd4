#ifndef DRAY_CLI_MOMENT_H_
#define DRAY_CLI_MOMENT_H_

#include <string_view>

#include "absl/time/time.h"
#include "core/base/status.h"

namespace dray {

// A time in the past as people type it: RFC 3339; a date, with or without a time of day, in `zone`
// (a date alone is where that day began); a time of day, today; "now"; "yesterday", one day ago;
// "2 days 3 hours ago", where units are s m h d w, month, year and their longer names, and days and
// longer ones go by the calendar; "@SECONDS" since 1970. INVALID_ARGUMENT, with examples, for
// anything else and for times before 1970.
absl::StatusOr<absl::Time> ParseMoment(std::string_view text, absl::Time now, absl::TimeZone zone);

}  // namespace dray

#endif  // DRAY_CLI_MOMENT_H_
