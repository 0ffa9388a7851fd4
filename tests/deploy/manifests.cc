#include "tests/deploy/manifests.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace dray::testing {
namespace {

namespace fs = std::filesystem;

std::string Kubectl() {
  const char* chosen = std::getenv("DRAY_KUBECTL");
  return chosen != nullptr && *chosen != '\0' ? chosen : "kubectl";
}

}  // namespace

DeployTree::DeployTree() {
  const std::string from =
      std::string(std::getenv("TEST_SRCDIR")) + "/" + std::getenv("TEST_WORKSPACE") + "/deploy";
  fs::copy(from, scratch_.Path("deploy"), fs::copy_options::recursive);
}

std::vector<std::string> DeployTree::Kustomizations() const {
  std::vector<std::string> folders;
  for (const auto& entry : fs::recursive_directory_iterator(Path(""))) {
    if (entry.path().filename() != "kustomization.yaml") continue;
    folders.push_back(fs::relative(entry.path().parent_path(), Path("")));
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::vector<YAML::Node> DeployTree::Render(const std::string& folder) const {
  Process::Options options;
  options.command = {"/usr/bin/env", Kubectl(), "kustomize", Path(folder)};
  options.output_file = scratch_.Path("rendered");
  options.error_file = scratch_.Path("errors");
  Process kubectl(options);
  const auto ended = kubectl.Wait(absl::Minutes(2));
  if (!ended.has_value() || ended->status() != 0) {
    ADD_FAILURE() << Kubectl() << " kustomize deploy/" << folder << " (1.27 or newer is needed: "
                  << "DRAY_KUBECTL=$(scripts/kubectl)): " << ReadFile(options.error_file);
    return {};
  }
  return YAML::LoadAllFromFile(options.output_file);
}

std::pair<std::string, std::string> SplitImage(const std::string& image) {
  const size_t slash = image.rfind('/');
  const std::string last = slash == std::string::npos ? image : image.substr(slash + 1);
  const size_t colon = last.find(':');
  if (colon == std::string::npos) return {last, ""};
  return {last.substr(0, colon), last.substr(colon + 1)};
}

std::string Kind(const YAML::Node& object) { return object["kind"].as<std::string>(""); }
std::string Name(const YAML::Node& object) {
  return object["metadata"]["name"].as<std::string>("");
}

std::vector<YAML::Node> OfKind(const std::vector<YAML::Node>& objects, const std::string& kind) {
  std::vector<YAML::Node> found;
  std::copy_if(objects.begin(), objects.end(), std::back_inserter(found),
               [&](const YAML::Node& object) { return Kind(object) == kind; });
  return found;
}

std::vector<YAML::Node> Workloads(const std::vector<YAML::Node>& objects) {
  std::vector<YAML::Node> found = OfKind(objects, "StatefulSet");
  for (const YAML::Node& deployment : OfKind(objects, "Deployment")) found.push_back(deployment);
  return found;
}

YAML::Node Find(const std::vector<YAML::Node>& objects, const std::string& kind,
                const std::string& name) {
  for (const YAML::Node& object : objects) {
    if (Kind(object) == kind && Name(object) == name) return object;
  }
  ADD_FAILURE() << "there is no " << kind << " " << name;
  return YAML::Node();
}

YAML::Node PodSpec(const YAML::Node& workload) { return workload["spec"]["template"]["spec"]; }

std::map<std::string, std::string> PodLabels(const YAML::Node& workload) {
  return workload["spec"]["template"]["metadata"]["labels"]
      .as<std::map<std::string, std::string>>();
}

bool Selects(const YAML::Node& match_labels, const YAML::Node& workload) {
  const auto labels = PodLabels(workload);
  if (!match_labels) return true;
  for (const auto& [name, value] : match_labels.as<std::map<std::string, std::string>>()) {
    const auto label = labels.find(name);
    if (label == labels.end() || label->second != value) return false;
  }
  return true;
}

std::map<std::string, int> ContainerPorts(const YAML::Node& workload) {
  std::map<std::string, int> ports;
  for (const YAML::Node& container : PodSpec(workload)["containers"]) {
    for (const YAML::Node& port : container["ports"]) {
      ports[port["name"].as<std::string>()] = port["containerPort"].as<int>();
    }
  }
  return ports;
}

int PortOf(const YAML::Node& port, const YAML::Node& workload) {
  const auto ports = ContainerPorts(workload);
  const int number = port.as<int>(0);
  for (const auto& [name, known] : ports) {
    if (number == known || port.as<std::string>("") == name) return known;
  }
  return 0;
}

std::map<std::string, std::string> Settings(const std::string& text) {
  std::map<std::string, std::string> settings;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits('=', 1));
    EXPECT_EQ(parts.size(), 2u) << line;
    if (parts.size() != 2) continue;
    settings[std::string(absl::StripAsciiWhitespace(parts[0]))] =
        std::string(absl::StripAsciiWhitespace(parts[1]));
  }
  return settings;
}

int PortIn(const std::string& address) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) << address;
  return port;
}

}  // namespace dray::testing
