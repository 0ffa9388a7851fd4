#ifndef DRAY_TESTS_SUPPORT_PROCESS_H_
#define DRAY_TESTS_SUPPORT_PROCESS_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace dray::testing {

// How a process ended.
struct Ended {
  int exit_code = -1;  // -1: by a signal
  int signal = 0;      // 0: by itself
  // As a shell tells it: the exit code, or 128 + signal.
  int status() const { return signal != 0 ? 128 + signal : exit_code; }
};

// One child process. It is killed when this object goes, and when the test dies. Not thread-safe;
// to be used in the thread that started it.
class Process {
 public:
  struct Options {
    std::vector<std::string> command;                // program and arguments
    std::map<std::string, std::string> environment;  // added to the test's own
    std::string output_file;                         // standard output; empty: /dev/null
    std::string error_file;                          // standard error; empty: /dev/null
    std::string folder;                              // working folder; empty: the test's own
    int network = -1;                                // a network namespace; -1: the test's own
    // File modes hold for it even where the test runs as root.
    bool honour_modes = false;
  };

  explicit Process(const Options& options);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  pid_t pid() const { return pid_; }
  // Nothing while it runs.
  std::optional<Ended> Poll();
  // Nothing if it still runs after `timeout`.
  std::optional<Ended> Wait(absl::Duration timeout);
  // SIGSTOP: returns when every thread stands still.
  void Signal(int signal);
  // SIGKILL, and waits for the end.
  void Kill();

 private:
  pid_t pid_ = -1;
  std::optional<Ended> ended_;
};

// The most memory that a process has used so far, in KiB; 0 when it is gone.
uint64_t PeakKib(pid_t pid);

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_PROCESS_H_
