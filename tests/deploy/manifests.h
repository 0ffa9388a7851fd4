#ifndef DRAY_TESTS_DEPLOY_MANIFESTS_H_
#define DRAY_TESTS_DEPLOY_MANIFESTS_H_

#include <yaml-cpp/yaml.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/scratch.h"

// What is in deploy/, for tests. What cannot be done is a failure of the test. Used in one thread.
namespace dray::testing {

// A copy of deploy/ without links, as kustomize wants it: it follows none out of a folder.
class DeployTree {
 public:
  DeployTree();
  // A name below deploy/.
  std::string Path(const std::string& name) const { return scratch_.Path("deploy/" + name); }
  // Folders with a kustomization, below deploy/.
  std::vector<std::string> Kustomizations() const;
  // What `kubectl kustomize` makes of one: its objects, in order.
  std::vector<YAML::Node> Render(const std::string& folder) const;
  const Scratch& scratch() const { return scratch_; }

 private:
  Scratch scratch_;
};

// "dray-transfer" of "localhost/dray-transfer:0.1.0", and "0.1.0".
std::pair<std::string, std::string> SplitImage(const std::string& image);

std::string Kind(const YAML::Node& object);
std::string Name(const YAML::Node& object);
// StatefulSets and Deployments.
std::vector<YAML::Node> Workloads(const std::vector<YAML::Node>& objects);
std::vector<YAML::Node> OfKind(const std::vector<YAML::Node>& objects, const std::string& kind);
// A null node, and a failure of the test, where there is none.
YAML::Node Find(const std::vector<YAML::Node>& objects, const std::string& kind,
                const std::string& name);
YAML::Node PodSpec(const YAML::Node& workload);
std::map<std::string, std::string> PodLabels(const YAML::Node& workload);
// Whether a pod of `workload` has all of these labels; an empty selector is met by every pod.
bool Selects(const YAML::Node& match_labels, const YAML::Node& workload);
// Port numbers by name, of all containers.
std::map<std::string, int> ContainerPorts(const YAML::Node& workload);
// The number of a port that is given by number or by name; 0 if the pod has no such port.
int PortOf(const YAML::Node& port, const YAML::Node& workload);

// `name = value` lines, as the services read them; of a name that is repeated, the last.
std::map<std::string, std::string> Settings(const std::string& text);
// The port of "host:port".
int PortIn(const std::string& address);

}  // namespace dray::testing

#endif  // DRAY_TESTS_DEPLOY_MANIFESTS_H_
