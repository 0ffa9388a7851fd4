#include "cli/console.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/listing.h"
#include "client/dray.h"
#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/telemetry/logging.h"

namespace dray {
namespace {

// A live line may change this often; off a terminal a line is written this often.
constexpr absl::Duration kLivePeriod = absl::Milliseconds(200);
constexpr absl::Duration kPlainPeriod = absl::Seconds(5);

std::string Clock(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole >= 3600) {
    return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
  }
  return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
}

std::string Count(uint64_t count, const char* one, const char* many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

}  // namespace

void Console::ClearLine() {
  if (line_open_) std::fputs("\r\033[K", options_.err);
  line_open_ = false;
}

void Console::WriteLine(std::FILE* stream, const std::string& line) {
  ClearLine();
  if (stream == options_.out) std::fflush(options_.err);
  std::fputs(line.c_str(), stream);
  if (line.empty() || line.back() != '\n') std::fputc('\n', stream);
}

void Console::Print(const std::string& line) {
  absl::MutexLock lock(&mu_);
  WriteLine(options_.out, line);
}

void Console::Flush() {
  absl::MutexLock lock(&mu_);
  std::fflush(options_.out);
}

void Console::ShowScreen(const std::string& text) {
  absl::MutexLock lock(&mu_);
  ClearLine();
  // Home, the text with the rest of each line cleared, and everything below it.
  std::string screen = text;
  if (options_.out_is_terminal) {
    screen = absl::StrCat("\033[H", absl::StrReplaceAll(text, {{"\n", "\033[K\n"}}), "\033[J");
  }
  std::fputs(screen.c_str(), options_.out);
  std::fflush(options_.out);
}

void Console::Error(const std::string& text, const std::string& connection_id) {
  LogFor(connection_id, spdlog::level::err, "{}", text);
  absl::MutexLock lock(&mu_);
  WriteLine(options_.err, absl::StrCat("dray: ", text));
}

void Console::Notice(const std::string& text) {
  spdlog::warn("{}", text);
  if (options_.quiet) return;
  absl::MutexLock lock(&mu_);
  WriteLine(options_.err, absl::StrCat("dray: ", text));
}

void Console::ShowProgress(const Progress& progress) {
  if (options_.quiet || (options_.json && !options_.err_is_terminal)) return;
  absl::MutexLock lock(&mu_);
  const absl::Time now = SteadyNow();
  if (begun_ == absl::InfinitePast()) begun_ = shown_ = rate_time_ = now;
  const absl::Duration period = options_.err_is_terminal ? kLivePeriod : kPlainPeriod;
  if (now - shown_ < period * 0.9) return;
  const double seconds = absl::ToDoubleSeconds(now - rate_time_);
  if (seconds > 0) {
    const uint64_t moved = progress.bytes_done - std::min(progress.bytes_done, rate_bytes_);
    const double rate = static_cast<double>(moved) / seconds;
    rate_ = rate_ == 0 ? rate : 0.7 * rate_ + 0.3 * rate;
  }
  rate_time_ = shown_ = now;
  rate_bytes_ = progress.bytes_done;
  const std::string text = ProgressText(progress, rate_);
  if (!options_.err_is_terminal) return WriteLine(options_.err, absl::StrCat("dray: ", text));
  std::fprintf(options_.err, "\r%s\033[K", text.c_str());
  std::fflush(options_.err);
  line_open_ = true;
}

void Console::ShowFile(const FileReport& report) {
  if (report.outcome == FileReport::Outcome::kFailed) {
    const std::string name = EscapeName(report.local);
    const std::string why(report.status.message());
    // Most messages name the file already.
    Error(why.find(name) != std::string::npos ? why : absl::StrCat(name, ": ", why),
          ConnectionIdOf(report.status));
  } else {
    LogFor(report.connection_id, spdlog::level::info, "{}", FileJson(report));
  }
  if (options_.json) Print(FileJson(report));
}

void Console::ShowSummary(const Summary& summary, bool stats) {
  spdlog::info("{}", SummaryJson(summary));
  absl::MutexLock lock(&mu_);
  ClearLine();
  std::fflush(options_.err);
  if (options_.json) {
    if (stats) WriteLine(options_.out, SummaryJson(summary));
  } else if (stats) {
    WriteLine(options_.out, SummaryText(summary, true));
  } else if (options_.err_is_terminal && !options_.quiet) {
    WriteLine(options_.err, SummaryText(summary, false));
  }
}

std::string ProgressText(const Progress& progress, double bytes_per_second) {
  std::string text = progress.totals_final ? "" : "scanning, ";
  if (progress.totals_final && progress.bytes_total > 0) {
    absl::StrAppendFormat(&text, "%3d%% ", 100 * progress.bytes_done / progress.bytes_total);
  }
  const char* const more = progress.totals_final ? "" : "+";
  absl::StrAppendFormat(&text, "%d/%d%s files, %s of %s%s", progress.files_done,
                        progress.files_total, more, SizeText(progress.bytes_done),
                        SizeText(progress.bytes_total), more);
  absl::StrAppend(&text, ", ", SizeText(static_cast<uint64_t>(bytes_per_second)), "/s");
  if (progress.totals_final && bytes_per_second > 0 && progress.bytes_total > progress.bytes_done) {
    const uint64_t left = progress.bytes_total - progress.bytes_done;
    absl::StrAppend(&text, ", ", Clock(static_cast<double>(left) / bytes_per_second), " left");
  }
  if (progress.bytes_saved() > 0) {
    absl::StrAppend(&text, ", ", SizeText(progress.bytes_saved()), " saved");
  }
  return text;
}

std::string SummaryText(const Summary& summary, bool stats) {
  const double seconds = absl::ToDoubleSeconds(summary.elapsed);
  std::string text = Count(summary.files, "file", "files");
  if (summary.folders > 0)
    absl::StrAppend(&text, ", ", Count(summary.folders, "folder", "folders"));
  if (summary.links > 0) absl::StrAppend(&text, ", ", Count(summary.links, "link", "links"));
  if (summary.unchanged > 0) absl::StrAppend(&text, " (", summary.unchanged, " unchanged)");
  if (summary.deleted > 0) absl::StrAppend(&text, ", ", summary.deleted, " deleted");
  if (summary.failed > 0) absl::StrAppend(&text, ", ", summary.failed, " failed");
  if (summary.skipped > 0) absl::StrAppend(&text, ", ", summary.skipped, " skipped");
  absl::StrAppendFormat(&text, "; %s in %.2f s", SizeText(summary.bytes_total), seconds);
  if (seconds > 0) {
    const double rate = static_cast<double>(summary.bytes_total) / seconds;
    absl::StrAppend(&text, ", ", SizeText(static_cast<uint64_t>(rate)), "/s");
  }
  if (!stats) {
    absl::StrAppend(&text, "; moved ", SizeText(summary.bytes_sent + summary.bytes_received),
                    ", saved ", SizeText(summary.bytes_saved));
    return text;
  }
  absl::StrAppendFormat(&text,
                        "\nmoved: %d bytes sent, %d received; %d bytes saved\n"
                        "chunks: %d of %d moved",
                        summary.bytes_sent, summary.bytes_received, summary.bytes_saved,
                        summary.chunks_sent, summary.chunks_total);
  return text;
}

std::string SummaryJson(const Summary& summary) {
  nlohmann::ordered_json json;
  json["bytes_total"] = summary.bytes_total;
  json["bytes_sent"] = summary.bytes_sent;
  json["bytes_received"] = summary.bytes_received;
  json["bytes_saved"] = summary.bytes_saved;
  json["chunks_total"] = summary.chunks_total;
  json["chunks_sent"] = summary.chunks_sent;
  json["files"] = summary.files;
  json["folders"] = summary.folders;
  json["links"] = summary.links;
  json["unchanged"] = summary.unchanged;
  json["deleted"] = summary.deleted;
  json["failed"] = summary.failed;
  json["skipped"] = summary.skipped;
  json["seconds"] = absl::ToDoubleSeconds(summary.elapsed);
  return json.dump();
}

}  // namespace dray
