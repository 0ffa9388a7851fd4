#include "tests/support/stack.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/files.h"
#include "tests/support/socket.h"

namespace dray::testing {
namespace {

std::vector<Service::PortFlag> MonitorPorts() { return {{"--listen", "grpc"}, {"--http", "http"}}; }
std::vector<Service::PortFlag> DeltaPorts() { return {{"--listen", "grpc"}}; }
std::vector<Service::PortFlag> TransferPorts(const std::string& host) {
  return {{"--listen", "listen", host}, {"--admin", "admin"}};
}

// Empty for a file that is not there.
std::string ReadOutput(const std::string& file) { return Exists(file) ? ReadFile(file) : ""; }

}  // namespace

std::vector<nlohmann::json> CommandResult::Objects() const {
  std::vector<nlohmann::json> objects;
  for (absl::string_view line : absl::StrSplit(out, '\n', absl::SkipEmpty())) {
    nlohmann::json object =
        nlohmann::json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
    EXPECT_TRUE(object.is_object()) << "no JSON object: " << line;
    if (object.is_object()) objects.push_back(std::move(object));
  }
  return objects;
}

nlohmann::json CommandResult::Stats() const {
  const auto objects = Objects();
  if (!objects.empty() && objects.back().contains("bytes_total")) return objects.back();
  ADD_FAILURE() << "no statistics at the end of: " << out << err;
  return {};
}

uint64_t BytesMoved(const CommandResult& result) {
  const nlohmann::json stats = result.Stats();
  return stats.value("bytes_sent", uint64_t{0}) + stats.value("bytes_received", uint64_t{0});
}

Stack::Stack(const Options& options)
    : scratch_(options.room_bytes),
      monitor_("monitor", MonitorPorts(), {}, scratch_.folder()),
      delta_("delta", DeltaPorts(), {}, scratch_.folder()),
      transfer_("transfer", TransferPorts(options.host), options.transfer_flags,
                scratch_.folder()) {
  if (options.host != Options().host) transfer_.AddFlags({"--allow-anyone"});
  for (const char* folder : {"delta", "transfer", "work", "got", "home"}) {
    mkdir(scratch_.Path(folder).c_str(), 0755);
  }
}

void Stack::Start() {
  monitor_.Start();
  ASSERT_FALSE(::testing::Test::HasFatalFailure());
  delta_.AddFlags({"--catalog", "sqlite:" + CatalogFile(), "--monitor", monitor_.Address("grpc")});
  delta_.Start();
  ASSERT_FALSE(::testing::Test::HasFatalFailure());
  transfer_.AddFlags({"--data", StoreFolder(), "--delta", delta_.Address("grpc"), "--monitor",
                      monitor_.Address("grpc")});
  transfer_.Start();
}

Stack::Running::Running(Process::Options options)
    : output_file_(options.output_file), error_file_(options.error_file), process_(options) {}

std::string Stack::Running::Output() const { return ReadOutput(output_file_); }

CommandResult Stack::Running::Finish(absl::Duration timeout) {
  const auto ended = process_.Wait(timeout);
  EXPECT_TRUE(ended.has_value()) << "dray did not end in " << timeout << ": "
                                 << ReadOutput(error_file_);
  CommandResult result;
  if (ended) result.status = ended->status();
  result.out = ReadOutput(output_file_);
  result.err = ReadOutput(error_file_);
  return result;
}

std::unique_ptr<Stack::Running> Stack::StartDray(const std::vector<std::string>& arguments,
                                                 const DrayOptions& options) {
  const std::string output = NextOutput();
  Process::Options process;
  process.command = {ProgramPath("dray")};
  process.command.insert(process.command.end(), arguments.begin(), arguments.end());
  process.command.insert(process.command.end(),
                         {"--server", options.server.empty() ? server() : options.server});
  process.environment = {{"HOME", scratch_.Path("home")}};
  for (const auto& [name, value] : options.environment) process.environment[name] = value;
  process.output_file = output + ".out";
  process.error_file = output + ".err";
  process.folder = options.folder;
  process.network = options.network;
  process.honour_modes = options.honour_modes;
  return std::make_unique<Running>(process);
}

double Stack::Metric(const std::string& name, const std::string& label) {
  double sum = 0;
  const std::string text = HttpGet(monitor_.Address("http"), "/metrics");
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const bool named = absl::StartsWith(line, name + "{") || absl::StartsWith(line, name + " ");
    double value = 0;
    if (named && absl::StrContains(line, label) &&
        absl::SimpleAtod(line.substr(line.rfind(' ') + 1), &value)) {
      sum += value;
    }
  }
  return sum;
}

std::string Stack::Target(const std::string& name) const {
  const std::string folder = scratch_.Path("got/" + name.substr(0, name.find('/')));
  std::filesystem::create_directories(folder);
  return folder + "/" + name;
}

CommandResult Stack::Dray(const std::vector<std::string>& arguments, const DrayOptions& options) {
  return StartDray(arguments, options)->Finish(options.timeout);
}

std::string Stack::NextOutput() { return scratch_.Path(absl::StrCat("dray-", ++runs_)); }

CommandResult Stack::Audit(const std::string& verb, const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {verb, "--transfer", transfer_.Address("admin")};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return DeltaTool(std::move(arguments));
}

CommandResult Stack::Gc(const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {"gc", "--delta", delta_.Address("grpc")};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return DeltaTool(std::move(arguments));
}

CommandResult Stack::DeltaTool(std::vector<std::string> arguments) {
  const std::string output = NextOutput();
  Process::Options process;
  process.command = {ProgramPath("dray-delta")};
  process.command.insert(process.command.end(), arguments.begin(), arguments.end());
  process.command.insert(process.command.end(), {"--catalog", "sqlite:" + CatalogFile()});
  process.output_file = output + ".out";
  process.error_file = output + ".err";
  return Running(process).Finish(absl::Minutes(4));
}

void Stack::ExpectSound() {
  const CommandResult check = Audit("check");
  EXPECT_EQ(check.status, 0) << check.out << check.err;
}

CommandResult Stack::DrayStats(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--json", "--stats"});
  CommandResult result = Dray(arguments);
  EXPECT_EQ(result.status, 0) << result.err << result.out;
  return result;
}

}  // namespace dray::testing
