#ifndef DRAY_CORE_TELEMETRY_LOGGING_H_
#define DRAY_CORE_TELEMETRY_LOGGING_H_

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <string>
#include <string_view>
#include <utility>

#include "core/base/status.h"

// Logging is spdlog's default logger: spdlog::info("put {} ...", EscapeName(path)). This sets it
// up.
namespace dray {

struct LogOptions {
  // "server" or "client": first part of the file's name, server_YYYYMMDD_HHMMSS.log. A taken name
  // gets "_2", "_3"...
  std::string role = "server";
  // Folder of the log file; made if need be. Empty: no file.
  std::string folder;
  // One JSON object a line instead of `YYYY-MM-DD HH:MM:SS - ThreadName - LEVEL - Message`.
  bool json = false;
  // To standard error as well.
  bool console = true;
  // "trace", "debug", "info", "warning", "error".
  std::string level = "info";
};

// To be called once, before threads start. INVALID_ARGUMENT for an unknown level; an error names a
// folder that cannot be written. A message's line breaks and control characters are escaped, so
// that one message is one line.
absl::Status StartLogging(const LogOptions& options);

// Whether `id` is a connection's id in form: "c", letters of a-z, digits, '-'; 64 bytes at most.
bool IsConnectionId(std::string_view id);

// A line that belongs to a connection: "[c1f3a9c-2a] message" in text, a field "connection" in
// JSON. The id is the one that events, monitor's page and error frames show; empty: none.
template <typename... Args>
void LogFor(const std::string& connection_id, spdlog::level::level_enum level,
            fmt::format_string<Args...> format, Args&&... args) {
  if (!spdlog::should_log(level)) return;
  const std::string message = fmt::format(format, std::forward<Args>(args)...);
  if (connection_id.empty()) {
    spdlog::log(level, "{}", message);
  } else {
    spdlog::log(level, "[{}] {}", connection_id, message);
  }
}

// Names the calling thread, in logs and in top(1): at most 15 bytes.
void NameThread(const std::string& name);

}  // namespace dray

#endif  // DRAY_CORE_TELEMETRY_LOGGING_H_
