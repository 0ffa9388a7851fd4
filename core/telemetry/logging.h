#ifndef DRAY_CORE_TELEMETRY_LOGGING_H_
#define DRAY_CORE_TELEMETRY_LOGGING_H_

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <string>

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

// Names the calling thread, in logs and in top(1): at most 15 bytes.
void NameThread(const std::string& name);

}  // namespace dray

#endif  // DRAY_CORE_TELEMETRY_LOGGING_H_
