// The programs take the settings of deploy/ as they are, and answer the probes of deploy/k8s.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/deploy/health.h"
#include "tests/deploy/manifests.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/service.h"
#include "tests/support/socket.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;

class ProgramsTest : public ::testing::TestWithParam<std::string> {
 protected:
  const std::string& name() const { return GetParam(); }
  std::string Path(const std::string& file) { return tree_.scratch().Path(file); }

  // The service with `arguments`, in which each /etc/dray/ is a folder that has `settings` in the
  // service's file. Addresses and folders are the test's own, by the environment.
  void Start(std::vector<std::string> arguments, const std::string& settings) {
    MakeFolder(Path("etc"));
    WriteFile(Path("etc/" + name() + ".conf"), settings);
    Process::Options options;
    options.command = {ProgramPath("dray-" + name())};
    for (const std::string& argument : arguments) {
      options.command.push_back(
          absl::StrReplaceAll(argument, {{"/etc/dray/", Path("etc/")}, {"\"\"", ""}}));
    }
    const std::string prefix = absl::StrCat("DRAY_", absl::AsciiStrToUpper(name()), "_");
    options.environment = {{prefix + "LISTEN", "127.0.0.1:0"},
                           {prefix + "PORT_FILE", Path("ports")}};
    if (name() == "monitor") options.environment[prefix + "HTTP"] = "127.0.0.1:0";
    if (name() == "delta") options.environment[prefix + "CATALOG"] = "sqlite:" + Path("catalog.db");
    if (name() == "transfer") {
      options.environment[prefix + "ADMIN"] = "127.0.0.1:0";
      options.environment[prefix + "DATA"] = Path("store");
    }
    options.error_file = Path("output");
    options.folder = tree_.scratch().folder();
    process_ = std::make_unique<Process>(options);
  }
  bool Ready() {
    for (int tries = 0; tries < 3000 && !process_->Poll(); ++tries) {
      if (Exists(Path("ports"))) {
        ports_ = Settings(ReadFile(Path("ports")));
        return true;
      }
      absl::SleepFor(absl::Milliseconds(10));
    }
    ADD_FAILURE() << "not ready: " << ReadFile(Path("output"));
    return false;
  }
  void StopsWhenTold() {
    process_->Signal(SIGTERM);
    const auto ended = process_->Wait(absl::Seconds(60));
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->status(), 0) << ReadFile(Path("output"));
    EXPECT_FALSE(Exists(Path("logs"))) << "its log is standard error alone";
  }

  DeployTree tree_;
  std::map<std::string, std::string> ports_;
  std::unique_ptr<Process> process_;
};

INSTANTIATE_TEST_SUITE_P(Services, ProgramsTest, ::testing::Values("monitor", "delta", "transfer"),
                         [](const auto& info) { return info.param; });

TEST_P(ProgramsTest, RunAndAnswerTheirProbesAsInTheCluster) {
  const auto objects = tree_.Render("k8s/" + name());
  ASSERT_EQ(Workloads(objects).size(), 1u);
  const YAML::Node workload = Workloads(objects)[0];
  const YAML::Node container = PodSpec(workload)["containers"][0];
  const YAML::Node map = OfKind(objects, "ConfigMap").at(0);
  Start(container["args"].as<std::vector<std::string>>(),
        map["data"][name() + ".conf"].as<std::string>());
  ASSERT_TRUE(Ready());

  // Port names of the pod, and of the port file.
  const std::map<std::string, std::string> port_names = {{"front-door", "listen"}};
  std::map<int, std::string> address;
  for (const auto& [port, number] : ContainerPorts(workload)) {
    const auto other = port_names.find(port);
    address[number] = ports_.at(other == port_names.end() ? port : other->second);
  }
  for (const char* probe : {"startupProbe", "readinessProbe", "livenessProbe"}) {
    const YAML::Node asked = container[probe];
    if (const YAML::Node grpc = asked["grpc"]) {
      EXPECT_EQ(AskHealth(address.at(grpc["port"].as<int>()), grpc["service"].as<std::string>("")),
                "SERVING")
          << probe;
    } else {
      std::string status;
      HttpGet(address.at(PortOf(asked["httpGet"]["port"], workload)),
              asked["httpGet"]["path"].as<std::string>(), &status);
      EXPECT_THAT(status, HasSubstr(" 200")) << probe;
    }
  }
  StopsWhenTold();
}

TEST_P(ProgramsTest, RunWithTheSettingsOfTheirUnit) {
  std::vector<std::string> arguments;
  for (absl::string_view line :
       absl::StrSplit(ReadFile(tree_.Path("systemd/dray-" + name() + ".service")), '\n')) {
    if (!absl::ConsumePrefix(&line, "ExecStart=")) continue;
    arguments = absl::StrSplit(line, ' ');
  }
  ASSERT_FALSE(arguments.empty());
  EXPECT_EQ(arguments[0], "/usr/bin/dray-" + name());
  arguments.erase(arguments.begin());
  Start(arguments, ReadFile(tree_.Path("systemd/" + name() + ".conf")));
  ASSERT_TRUE(Ready());
  StopsWhenTold();
}

TEST_P(ProgramsTest, NameASettingThatTheyDoNotKnow) {
  Start({"--config", "/etc/dray/" + name() + ".conf"}, "log-level = info\nno-such-setting = 1\n");
  const auto ended = process_->Wait(absl::Seconds(60));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->status(), 2);
  EXPECT_THAT(ReadFile(Path("output")), HasSubstr("no-such-setting"));
}

}  // namespace
}  // namespace dray::testing
