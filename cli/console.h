#ifndef DRAY_CLI_CONSOLE_H_
#define DRAY_CLI_CONSOLE_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/options.h"
#include "client/tracker.h"
#include "core/base/status.h"

namespace dray {

// What the user sees: results on one stream, everything else (progress, notices, errors) on the
// other. Thread-safe.
class Console {
 public:
  struct Options {
    bool json = false;
    bool quiet = false;
    std::FILE* out = stdout;
    std::FILE* err = stderr;
    bool err_is_terminal = false;  // then progress is one live line
    bool out_is_terminal = false;  // then ShowScreen() replaces what it showed before
  };

  explicit Console(const Options& options) : options_(options) {}

  // A line of results.
  void Print(const std::string& line);
  // Sends out what was printed: for those who read along.
  void Flush();
  // Lines of results that take the place of those shown so before.
  void ShowScreen(const std::string& text);
  // "dray: ..." whatever the options. `connection_id` is that of the server's connection that the
  // error came on, for the log; may be empty.
  void Error(const std::string& text, const std::string& connection_id = "");
  // "dray: ..." unless quiet.
  void Notice(const std::string& text);

  void ShowProgress(const Progress& progress);
  // The end of one file: a line of JSON, or an error.
  void ShowFile(const FileReport& report);
  // The end of all: what --stats asks for, else one line on a terminal.
  void ShowSummary(const Summary& summary, bool stats);

 private:
  void ClearLine() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WriteLine(std::FILE* stream, const std::string& line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  absl::Mutex mu_;
  absl::Time begun_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time shown_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  bool line_open_ ABSL_GUARDED_BY(mu_) = false;
  // Rate: bytes done at the last look, and the rate smoothed.
  absl::Time rate_time_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  uint64_t rate_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  double rate_ ABSL_GUARDED_BY(mu_) = 0;
};

// "42% 12/34 files, 1.2 GB of 3.4 GB, 512 MB/s, 0:05 left, 800 MB saved"
std::string ProgressText(const Progress& progress, double bytes_per_second);
std::string SummaryText(const Summary& summary, bool stats);
std::string SummaryJson(const Summary& summary);

}  // namespace dray

#endif  // DRAY_CLI_CONSOLE_H_
