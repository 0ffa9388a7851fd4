#ifndef DRAY_CORE_TELEMETRY_LOG_FORMAT_H_
#define DRAY_CORE_TELEMETRY_LOG_FORMAT_H_

#include <spdlog/formatter.h>

#include <memory>
#include <string>
#include <string_view>

namespace dray {

// `text` with everything that could break a line or drive a terminal written as \xHH: control
// characters (C0, DEL, C1), the line and paragraph separators, and bytes that are not valid UTF-8.
// A backslash stays as it is, so escaped names are not escaped twice.
std::string EscapeControls(std::string_view text);

// As logging.h says.
bool IsConnectionId(std::string_view id);

// Formats one message as one line, in local time: `YYYY-MM-DD HH:MM:SS - ThreadName - LEVEL -
// Message`. The thread is the one that formats, which is the one that logs.
std::unique_ptr<spdlog::formatter> MakeTextFormatter();

// Formats one message as one line of JSON:
// {"time":"2026-01-31T12:00:00.123Z","thread":"main","level":"INFO","message":"..."}. A message
// that begins with a connection's id in brackets, "[c1f3a9c-2a] ", has it in a field "connection"
// instead. What is not UTF-8 becomes U+FFFD.
std::unique_ptr<spdlog::formatter> MakeJsonFormatter();

}  // namespace dray

#endif  // DRAY_CORE_TELEMETRY_LOG_FORMAT_H_
