#ifndef DRAY_CLIENT_OPTIONS_H_
#define DRAY_CLIENT_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"
#include "core/base/status.h"
#include "core/net/address.h"
#include "dray/wire/v1/version.pb.h"

namespace dray {

// Where an operation stands; all counts are since its start.
struct Progress {
  uint64_t files_done = 0;
  uint64_t files_total = 0;
  uint64_t bytes_done = 0;  // of file contents: moved, or found to be there already
  uint64_t bytes_total = 0;
  // False while the source is still being scanned: the totals grow.
  bool totals_final = false;
  // At the sockets, everything included.
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;

  // What a copy of everything would have moved and this operation did not have to.
  uint64_t bytes_saved() const {
    const uint64_t moved = bytes_sent + bytes_received;
    return bytes_done > moved ? bytes_done - moved : 0;
  }
};

// Something worth telling a person while an operation goes on.
struct Notice {
  enum class Kind { kRetry, kSkipped, kRestarted, kKept };
  Kind kind{};
  std::string message;
};

// The end of one file, folder or link of an operation.
struct FileReport {
  enum class Outcome { kDone, kUnchanged, kFailed };
  Outcome outcome{};
  wire::v1::EntryKind kind = wire::v1::ENTRY_KIND_UNSPECIFIED;
  std::string local;   // local path, bytes as they are
  std::string remote;  // remote path, relative to the server's top
  uint64_t size_bytes = 0;
  uint64_t version = 0;  // 0: not known
  // Of the connection it went over, as the server's log has it. Empty: none, or not known.
  std::string connection_id = {};
  absl::Status status = {};  // kFailed: why
};

// Called from threads of the library, one call at a time; they must return soon and not call the
// Client back. Each may be empty.
struct Callbacks {
  // About five times a second while something is going on, and once at the end.
  std::function<void(const Progress&)> on_progress;
  std::function<void(const FileReport&)> on_file;
  std::function<void(const Notice&)> on_notice;
};

// What is done about errors that may pass (UNAVAILABLE, DEADLINE_EXCEEDED, ABORTED;
// RESOURCE_EXHAUSTED when the server says so): wait and try again, under the same operation id, so
// that nothing happens twice.
struct RetryPolicy {
  // Attempts after the first one, without any success between.
  int retries = 5;
  // The wait before the first retry; each further one is twice as long, up to max_wait. A server's
  // own wish comes first.
  absl::Duration first_wait = absl::Seconds(1);
  absl::Duration max_wait = absl::Seconds(32);
};

struct ClientOptions {
  Address server = {"127.0.0.1", 5000};
  // Parallel connections for many files. 0: the number of cores, 4 at most.
  int connections = 0;
  // For the TCP connection and the greeting, each.
  absl::Duration connect_timeout = absl::Seconds(10);
  // A server that owes an answer and says nothing for this long is given up.
  absl::Duration silence_timeout = absl::Seconds(10);
  // Bytes a second, each way, over all connections together; 0: as fast as can be. A server gives
  // up on who takes a minute for a frame: some 16 KiB are the least that works.
  uint64_t bytes_per_second = 0;
  RetryPolicy retry;
  // Where hashes of files are remembered between runs, so that unchanged files are not read again;
  // has to belong to this user. Empty: nowhere.
  std::string hash_cache_folder;
  Callbacks callbacks;
  // Replaces waiting between retries: returns whether to go on. Empty: real time, ended early by
  // Client::Cancel.
  std::function<bool(absl::Duration)> sleep;
};

}  // namespace dray

#endif  // DRAY_CLIENT_OPTIONS_H_
