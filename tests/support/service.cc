#include "tests/support/service.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/base/file.h"
#include "tests/support/files.h"

namespace dray::testing {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(30);

std::string ProgramFolder(const std::string& name) {
  return name == "dray" ? "cli" : "services/" + name.substr(name.find('-') + 1);
}

}  // namespace

std::string ProgramPath(const std::string& name) {
  const std::string below_top = ProgramFolder(name) + "/" + name;
  const char* runfiles = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  if (runfiles == nullptr || workspace == nullptr) return "bazel-bin/" + below_top;
  return std::string(runfiles) + "/" + workspace + "/" + below_top;
}

Service::Service(std::string name, std::vector<PortFlag> ports, std::vector<std::string> flags,
                 std::string folder)
    : name_(std::move(name)),
      ports_(std::move(ports)),
      flags_(std::move(flags)),
      folder_(std::move(folder)) {}

void Service::Launch() {
  unlink(PortFile().c_str());
  Process::Options options;
  options.command = {ProgramPath("dray-" + name_)};
  for (const PortFlag& port : ports_) {
    options.command.push_back(port.flag);
    options.command.push_back(addresses_.empty() ? port.host + ":0" : Address(port.name));
  }
  options.command.insert(options.command.end(), flags_.begin(), flags_.end());
  options.command.insert(options.command.end(),
                         {"--port-file", PortFile(), "--log-dir", folder_ + "/logs-" + name_});
  options.environment = environment_;
  options.error_file = OutputFile();
  process_ = std::make_unique<Process>(options);
}

void Service::Start() {
  const absl::Status started = TryStart();
  ASSERT_TRUE(started.ok()) << started.message();
}

absl::Status Service::TryStart() {
  if (running()) return absl::FailedPreconditionError(name_ + " runs already");
  Launch();
  const absl::Time deadline = absl::Now() + kStartTimeout;
  while (!ReadPortFile()) {
    if (!running()) return absl::AbortedError(name_ + " ended at its start: " + Output());
    if (absl::Now() >= deadline) {
      return absl::DeadlineExceededError(name_ + " was not ready in time: " + Output());
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return absl::OkStatus();
}

void Service::StartAndKill(absl::Duration after) {
  Launch();
  const auto ended = process_->Wait(after);
  EXPECT_FALSE(ended.has_value()) << name_ << " ended at its start: " << Output();
  Kill();
}

void Service::Stop(absl::Duration timeout) {
  ASSERT_TRUE(running()) << name_ << " does not run: " << Output();
  process_->Signal(SIGTERM);
  const auto ended = process_->Wait(timeout);
  EXPECT_TRUE(ended.has_value()) << name_ << " did not stop in time: " << Output();
  if (ended) {
    EXPECT_EQ(ended->status(), 0) << name_ << ": " << Output();
  }
  process_.reset();
}

void Service::Kill() { process_.reset(); }

bool Service::running() { return process_ != nullptr && !process_->Poll(); }

std::string Service::Address(const std::string& port_name) const {
  for (const auto& [name, address] : addresses_) {
    if (name == port_name) return address;
  }
  ADD_FAILURE() << name_ << " told no address '" << port_name << "'";
  return "";
}

std::vector<std::string> Service::Addresses(const std::string& port_name) const {
  std::vector<std::string> found;
  for (const auto& [name, address] : addresses_) {
    if (name == port_name) found.push_back(address);
  }
  return found;
}

std::string Service::Output() const {
  std::ifstream file(OutputFile());  // which may grow meanwhile
  return {std::istreambuf_iterator<char>(file), {}};
}

bool Service::ReadPortFile() {
  const auto text = ReadWholeFile(PortFile(), 65536);
  if (!text.ok() || text->empty()) return false;
  decltype(addresses_) told;
  for (absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    told.push_back(absl::StrSplit(line, absl::MaxSplits('=', 1)));
  }
  // Other threads may read them, and a service that is started again has the same.
  if (told != addresses_) addresses_ = std::move(told);
  return true;
}

}  // namespace dray::testing
