#ifndef DRAY_CLI_LISTING_H_
#define DRAY_CLI_LISTING_H_

#include <string>
#include <string_view>

#include "client/options.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// How versions and times look to people and programs. Names are escaped everywhere.

// "-rw-r--r--"; the first letter tells the kind.
std::string ModeText(const wire::v1::Metadata& metadata);
// "2026-05-04 12:30" in local time.
std::string ShortTime(int64_t nanos);
// RFC 3339 with nanoseconds, UTC.
std::string FullTime(int64_t nanos);
// "12.3 MB": decimal units.
std::string SizeText(uint64_t bytes);
std::string KindText(wire::v1::EntryKind kind);

// One line of `ls -l`, without the line's end; `name` is what to call the entry.
std::string LongLine(const wire::v1::Version& version, const std::string& name);
// What `stat` tells, several lines.
std::string StatText(const wire::v1::Version& version);
// One line of `log`.
std::string LogLine(const wire::v1::Version& version);
// What `status` tells, several lines.
std::string StatusText(const wire::v1::StatusReply& status);

// The same as one line of JSON each.
std::string VersionJson(const wire::v1::Version& version);
std::string ChangedJson(const char* operation, const wire::v1::Changed& changed);
std::string StatusJson(const wire::v1::StatusReply& status);
std::string FileJson(const FileReport& report);
std::string ErrorJson(const absl::Status& status, const std::string& name);

}  // namespace dray

#endif  // DRAY_CLI_LISTING_H_
