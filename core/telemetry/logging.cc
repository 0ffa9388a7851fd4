#include "core/telemetry/logging.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/file.h"
#include "core/telemetry/log_format.h"

namespace dray {
namespace {

constexpr int kMaxFilesPerSecond = 1000;

struct Level {
  std::string_view name;
  spdlog::level::level_enum value;
};
constexpr std::array<Level, 5> kLevels = {{{"trace", spdlog::level::trace},
                                           {"debug", spdlog::level::debug},
                                           {"info", spdlog::level::info},
                                           {"warning", spdlog::level::warn},
                                           {"error", spdlog::level::err}}};

absl::StatusOr<spdlog::level::level_enum> ParseLevel(const std::string& name) {
  for (const Level& level : kLevels) {
    if (level.name == name) return level.value;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown log level \"", name, "\": use trace, debug, info, warning or error"));
}

// Makes a new file, so that two programs started in the same second do not share one; returns its
// name.
absl::StatusOr<std::string> CreateLogFile(const LogOptions& options) {
  DRAY_RETURN_IF_ERROR(
      WithContext(MakeFolders(options.folder),
                  absl::StrCat("cannot make the log folder ", EscapeControls(options.folder))));
  const std::time_t now = std::time(nullptr);
  std::tm local = {};
  localtime_r(&now, &local);
  char stamp[32];
  std::strftime(stamp, sizeof(stamp), "%Y%m%d_%H%M%S", &local);
  const std::string stem = absl::StrCat(options.folder, "/", options.role, "_", stamp);
  absl::Status status;
  for (int i = 1; i <= kMaxFilesPerSecond; ++i) {
    const std::string name =
        i == 1 ? absl::StrCat(stem, ".log") : absl::StrCat(stem, "_", i, ".log");
    status = OpenFile(name, O_WRONLY | O_CREAT | O_EXCL, 0640).status();
    if (status.ok()) return name;
    if (!absl::IsAlreadyExists(status)) break;
  }
  return WithContext(
      status, absl::StrCat("cannot write logs to the folder ", EscapeControls(options.folder)));
}

std::unique_ptr<spdlog::formatter> MakeFormatter(const LogOptions& options) {
  return options.json ? MakeJsonFormatter() : MakeTextFormatter();
}

// spdlog's flushing thread takes no signal: those are for StopSignal's thread, whichever is made
// first.
void StartFlushing() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  spdlog::flush_every(std::chrono::seconds(1));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

absl::Status StartLogging(const LogOptions& options) {
  DRAY_ASSIGN_OR_RETURN(const spdlog::level::level_enum level, ParseLevel(options.level));
  std::vector<spdlog::sink_ptr> sinks;
  if (options.console) sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (!options.folder.empty()) {
    DRAY_ASSIGN_OR_RETURN(const std::string name, CreateLogFile(options));
    try {
      sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(name));
    } catch (const spdlog::spdlog_ex& error) {
      return absl::UnavailableError(
          absl::StrCat("cannot open the log file ", EscapeControls(name), ": ", error.what()));
    }
  }
  auto logger = std::make_shared<spdlog::logger>("dray", sinks.begin(), sinks.end());
  logger->set_formatter(MakeFormatter(options));
  logger->set_level(level);
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
  StartFlushing();
  return absl::OkStatus();
}

void NameThread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace dray
