#ifndef DRAY_CLI_COMMAND_LINE_H_
#define DRAY_CLI_COMMAND_LINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace dray {

enum class Verb {
  kPut,
  kGet,
  kSync,
  kList,
  kStat,
  kRemove,
  kMove,
  kLog,
  kRestore,
  kRetention,
  kStatus
};

// A pattern of sync's, or a file of them.
struct FilterFlag {
  enum class Kind { kExclude, kInclude, kExcludeFrom };
  Kind kind{};
  std::string text;
};

// What the user asked for, as it was typed; names are not looked at yet.
struct CommandLine {
  Verb verb{};
  std::vector<std::string> names;

  std::string server = "127.0.0.1:5000";
  bool json = false;
  bool quiet = false;
  bool stats = false;
  int connections = 0;
  int retries = 5;
  std::string log;

  bool recursive = false;              // ls, rm
  bool long_format = false;            // ls
  uint64_t version = 0;                // get, stat, restore
  std::string at;                      // get, ls, stat: a time (moment.h)
  bool if_absent = false;              // put
  std::optional<uint64_t> if_version;  // put
  bool checksum = false;               // put, get, sync
  bool sync = false;                   // get, sync
  bool keep_special_modes = false;     // get, sync
  bool delete_extra = false;           // sync
  std::optional<uint64_t> max_delete;  // sync
  std::vector<FilterFlag> filters;     // sync: in the order in which they were given
  bool dry_run = false;                // sync
  bool itemize = false;                // sync
  bool update = false;                 // sync
  uint64_t bytes_per_second = 0;       // sync; 0: as fast as can be
  std::optional<uint64_t> keep_last;   // retention
  std::optional<std::string> keep;     // retention: a length of time (retention.h)
  bool forever = false;                // retention
  bool watch = false;                  // status
};

// The command line, or the exit status when it is already dealt with: help, version, or a usage
// error, which was told on standard error.
std::variant<CommandLine, int> ParseCommandLine(int argc, const char* const* argv);

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitSomeFailed = 3;
inline constexpr int kExitInterrupted = 130;

}  // namespace dray

#endif  // DRAY_CLI_COMMAND_LINE_H_
