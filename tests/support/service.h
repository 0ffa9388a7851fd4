#ifndef DRAY_TESTS_SUPPORT_SERVICE_H_
#define DRAY_TESTS_SUPPORT_SERVICE_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/support/process.h"

namespace dray::testing {

// Where the programs are; `name` is "dray", "dray-transfer", "dray-delta" or "dray-monitor".
std::string ProgramPath(const std::string& name);

// One service program. After its first start it keeps its ports, so that it can be stopped and
// started again under the same addresses. Failures to start are failures of the test.
class Service {
 public:
  // `name` is "transfer", "delta" or "monitor"; `ports` are the flags that name an address, with
  // the name that the port file gives it:
  // {{"--listen", "grpc"}}. `flags` are all others. Files of the service lie below `folder`.
  struct PortFlag {
    std::string flag;
    std::string name;
    std::string host = "127.0.0.1";
  };
  Service(std::string name, std::vector<PortFlag> ports, std::vector<std::string> flags,
          std::string folder);

  // For what is known only later. REQUIRES: not started yet.
  void AddFlags(const std::vector<std::string>& flags) {
    flags_.insert(flags_.end(), flags.begin(), flags.end());
  }
  // Added to the test's own, from the next start on.
  void SetEnvironment(std::map<std::string, std::string> environment) {
    environment_ = std::move(environment);
  }
  // Starts it and waits until its port file tells that it is ready.
  void Start();
  // As Start(), where it may rightly refuse: an error with what it wrote.
  absl::Status TryStart();
  // Starts it and kills it after so long, ready or not. REQUIRES: was started once.
  void StartAndKill(absl::Duration after);
  // SIGTERM; expects it to end with 0 within `timeout`.
  void Stop(absl::Duration timeout = absl::Seconds(30));
  // SIGKILL.
  void Kill();

  bool running();
  Process& process() { return *process_; }
  // "127.0.0.1:40123". REQUIRES: started once.
  std::string Address(const std::string& port_name) const;
  // All of that name, in the order in which it listens on them.
  std::vector<std::string> Addresses(const std::string& port_name) const;
  // What it wrote to standard error.
  std::string Output() const;

 private:
  std::string PortFile() const { return folder_ + "/" + name_ + ".ports"; }
  std::string OutputFile() const { return folder_ + "/" + name_ + ".out"; }
  void Launch();
  bool ReadPortFile();

  std::string name_;
  std::vector<PortFlag> ports_;
  std::vector<std::string> flags_;
  std::string folder_;
  std::map<std::string, std::string> environment_;
  std::vector<std::pair<std::string, std::string>> addresses_;
  std::unique_ptr<Process> process_;
};

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_SERVICE_H_
