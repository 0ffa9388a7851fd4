#ifndef DRAY_TESTS_SUPPORT_STACK_H_
#define DRAY_TESTS_SUPPORT_STACK_H_

#include <atomic>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"
#include "tests/support/service.h"

namespace dray::testing {

// What a run of `dray` did.
struct CommandResult {
  int status = -1;  // as a shell tells it: 130 for SIGINT
  std::string out;
  std::string err;

  // The objects that `--json` printed, one a line. A line that is none is a failure of the test.
  std::vector<nlohmann::json> Objects() const;
  // The last object of `--json --stats`.
  nlohmann::json Stats() const;
};

// The last object's `bytes_sent` + `bytes_received`.
uint64_t BytesMoved(const CommandResult& result);

// monitor, delta and transfer on free loopback ports, with their data in a Scratch of their own,
// and `dray` against them.
class Stack {
 public:
  struct Options {
    uint64_t room_bytes = uint64_t{1} << 30;
    std::vector<std::string> transfer_flags;
    // The front door's address; one that is not on loopback admits anyone.
    std::string host = "127.0.0.1";
  };
  explicit Stack(const Options& options);
  Stack() : Stack(Options()) {}

  // Starts all three.
  void Start();

  Service& monitor() { return monitor_; }
  Service& delta() { return delta_; }
  Service& transfer() { return transfer_; }
  std::string server() const { return transfer_.Address("listen"); }
  const Scratch& scratch() const { return scratch_; }
  // A name below the scratch folder, beside the services' own.
  std::string Path(const std::string& name) const { return scratch_.Path("work/" + name); }
  // The same in a folder of the name's own: what is got there comes from the server, since a get
  // takes what it can from files beside its target.
  std::string Target(const std::string& name) const;
  // What monitor tells: the sum of all series of this name whose line holds `label`.
  double Metric(const std::string& name, const std::string& label = "");
  std::string StoreFolder() const { return scratch_.Path("transfer"); }
  std::string CatalogFile() const { return scratch_.Path("delta/catalog.db"); }

  struct DrayOptions {
    absl::Duration timeout = absl::Minutes(4);
    std::map<std::string, std::string> environment;
    std::string folder;
    int network = -1;    // as in Process
    std::string server;  // instead of this stack's
    // File modes hold for it even where the test runs as root.
    bool honour_modes = false;
  };
  // Runs `dray ARGUMENTS... --server <this stack>` to its end.
  CommandResult Dray(const std::vector<std::string>& arguments, const DrayOptions& options);
  CommandResult Dray(const std::vector<std::string>& arguments) {
    return Dray(arguments, DrayOptions());
  }
  // The same with --json --stats; expects status 0.
  CommandResult DrayStats(std::vector<std::string> arguments);

  // Runs `dray-delta VERB FLAGS...` on this stack's catalog and transfer.
  CommandResult Audit(const std::string& verb, const std::vector<std::string>& flags = {});
  // Runs `dray-delta gc FLAGS...` on this stack's catalog and delta.
  CommandResult Gc(const std::vector<std::string>& flags = {});
  // Expects that `dray-delta check` finds nothing wrong.
  void ExpectSound();

  // A `dray` that goes on while the test does something else.
  class Running {
   public:
    Running(Process::Options options);
    Process& process() { return process_; }
    // What it has written to standard output so far.
    std::string Output() const;
    CommandResult Finish(absl::Duration timeout);

   private:
    std::string output_file_;
    std::string error_file_;
    Process process_;
  };
  std::unique_ptr<Running> StartDray(const std::vector<std::string>& arguments,
                                     const DrayOptions& options);
  std::unique_ptr<Running> StartDray(const std::vector<std::string>& arguments) {
    return StartDray(arguments, DrayOptions());
  }

 private:
  CommandResult DeltaTool(std::vector<std::string> arguments);
  // Where the next run's output goes: PREFIX.out, PREFIX.err.
  std::string NextOutput();

  Scratch scratch_;
  Service monitor_;
  Service delta_;
  Service transfer_;
  std::atomic<int> runs_ = 0;
};

// Waits until `done` or `timeout`; returns whether it was done.
template <typename Done>
bool Eventually(absl::Duration timeout, Done done) {
  for (const absl::Time deadline = absl::Now() + timeout; absl::Now() < deadline;
       absl::SleepFor(absl::Milliseconds(5))) {
    if (done()) return true;
  }
  return done();
}

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_STACK_H_
