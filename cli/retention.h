#ifndef DRAY_CLI_RETENTION_H_
#define DRAY_CLI_RETENTION_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.h"
#include "dray/wire/v1/wire.pb.h"

// Rules of retention, as people type them and as people and programs see them.
namespace dray {

// A length of time in nanoseconds: "30d", "1y6w", "90m". Units are s m h d w y; a day has 24 hours,
// a year 365 days. INVALID_ARGUMENT, with examples, for anything else, for nothing at all, and for
// more than 100 years.
absl::StatusOr<uint64_t> ParseKeep(std::string_view text);
// The same back: "30d", "1y42d", "1h30m".
std::string KeepText(uint64_t keep_ns);

// The rule that applies to a path; null: none does, and everything is kept.
const wire::v1::Retention* RuleFor(const std::vector<wire::v1::Retention>& rules,
                                   const std::string& path);

// ":/logs: the newest 5 versions"; of a name to which another one's rule applies, with that.
std::string RetentionLine(const std::string& path, const wire::v1::Retention* rule);
// The same as one line of JSON.
std::string RetentionJson(const std::string& path, const wire::v1::Retention* rule);

}  // namespace dray

#endif  // DRAY_CLI_RETENTION_H_
