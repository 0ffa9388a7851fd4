// The manifests agree with one another, with the images and with themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/version.h"
#include "tests/deploy/manifests.h"
#include "tests/support/files.h"

namespace dray::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const char* const kServices[] = {"transfer", "delta", "monitor"};
const char* const kAll[] = {"transfer", "delta", "monitor", "prometheus", "grafana"};

class KubernetesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    tree_ = new DeployTree();
    objects_ = new std::vector<YAML::Node>(tree_->Render("k8s"));
  }
  static void TearDownTestSuite() {
    delete objects_;
    delete tree_;
  }
  void SetUp() override { ASSERT_FALSE(objects_->empty()); }

  // Calls `check` for each container with its workload.
  template <typename Check>
  void ForEachContainer(Check check) {
    for (const YAML::Node& workload : Workloads(*objects_)) {
      for (const YAML::Node& container : PodSpec(workload)["containers"]) {
        SCOPED_TRACE(Name(workload) + "/" + container["name"].as<std::string>());
        check(workload, container);
      }
    }
  }
  YAML::Node Workload(const std::string& name) {
    return Find(*objects_, name == "monitor" ? "Deployment" : "StatefulSet", name);
  }
  // The settings that a service's pod mounts.
  std::map<std::string, std::string> SettingsOf(const std::string& name) {
    for (const YAML::Node& map : OfKind(*objects_, "ConfigMap")) {
      if (!absl::StartsWith(Name(map), name + "-config-")) continue;
      return Settings(map["data"][name + ".conf"].as<std::string>());
    }
    ADD_FAILURE() << name << " has no settings";
    return {};
  }
  // Who may reach a port of a pod: names of pods, and "namespace LABEL" for pods of namespaces.
  std::set<std::string> AdmittedTo(const std::string& name, int port) {
    std::set<std::string> admitted;
    const YAML::Node workload = Workload(name);
    for (const YAML::Node& policy : OfKind(*objects_, "NetworkPolicy")) {
      if (!Selects(policy["spec"]["podSelector"]["matchLabels"], workload)) continue;
      for (const YAML::Node& rule : policy["spec"]["ingress"]) {
        EXPECT_TRUE(rule["ports"].IsSequence()) << "all ports of " << name << " are admitted";
        for (const YAML::Node& allowed : rule["ports"]) {
          if (PortOf(allowed["port"], workload) != port) continue;
          EXPECT_TRUE(rule["from"].IsSequence()) << "anyone reaches " << name << " " << port;
          for (const YAML::Node& from : rule["from"]) admitted.insert(PeerName(from));
        }
      }
    }
    return admitted;
  }
  static std::string PeerName(const YAML::Node& peer) {
    if (const YAML::Node pods = peer["podSelector"]) {
      EXPECT_FALSE(peer["namespaceSelector"]);
      return pods["matchLabels"]["app.kubernetes.io/name"].as<std::string>("any pod");
    }
    if (const YAML::Node labels = peer["namespaceSelector"]["matchLabels"]) {
      return "namespace " + labels.begin()->first.as<std::string>();
    }
    return "somebody else";
  }

  static DeployTree* tree_;
  static std::vector<YAML::Node>* objects_;
};
DeployTree* KubernetesTest::tree_ = nullptr;
std::vector<YAML::Node>* KubernetesTest::objects_ = nullptr;

TEST_F(KubernetesTest, EveryKustomizationRenders) {
  const auto folders = tree_->Kustomizations();
  for (const char* needed : {"k8s", "k8s/base", "k8s/overlays/nodeport",
                             "k8s/overlays/loadbalancer", "prometheus", "grafana"}) {
    EXPECT_THAT(folders, Contains(needed));
  }
  for (const std::string& folder : folders) EXPECT_FALSE(tree_->Render(folder).empty()) << folder;
}

TEST_F(KubernetesTest, EveryServiceCanBeAppliedAlone) {
  for (const std::string name : kAll) {
    SCOPED_TRACE(name);
    const auto alone = tree_->Render("k8s/" + name);
    Find(alone, "Namespace", "dray");
    ASSERT_EQ(Workloads(alone).size(), 1u);
    EXPECT_EQ(Name(Workloads(alone)[0]), name);
    Find(alone, "Service", name);
    Find(alone, "NetworkPolicy", name);
    Find(alone, "NetworkPolicy", "nothing-else");
    // It is the same as in the whole.
    for (const YAML::Node& object : alone) {
      EXPECT_EQ(YAML::Dump(object), YAML::Dump(Find(*objects_, Kind(object), Name(object))));
    }
  }
}

TEST_F(KubernetesTest, EverythingIsInTheNamespace) {
  for (const YAML::Node& object : *objects_) {
    if (Kind(object) == "Namespace") continue;
    EXPECT_EQ(object["metadata"]["namespace"].as<std::string>(""), "dray") << Name(object);
  }
  const YAML::Node labels = Find(*objects_, "Namespace", "dray")["metadata"]["labels"];
  EXPECT_EQ(labels["pod-security.kubernetes.io/enforce"].as<std::string>(""), "restricted");
}

TEST_F(KubernetesTest, ContainersMeetTheRestrictedProfileAndMore) {
  int containers = 0;
  ForEachContainer([&](const YAML::Node& workload, const YAML::Node& container) {
    ++containers;
    const YAML::Node pod = PodSpec(workload);
    EXPECT_TRUE(pod["securityContext"]["runAsNonRoot"].as<bool>(false));
    EXPECT_GT(pod["securityContext"]["runAsUser"].as<int>(0), 0);
    EXPECT_EQ(pod["securityContext"]["seccompProfile"]["type"].as<std::string>(""),
              "RuntimeDefault");
    EXPECT_FALSE(pod["automountServiceAccountToken"].as<bool>(true));
    EXPECT_FALSE(pod["enableServiceLinks"].as<bool>(true));
    for (const char* host : {"hostNetwork", "hostPID", "hostIPC"}) EXPECT_FALSE(pod[host]) << host;
    const YAML::Node security = container["securityContext"];
    EXPECT_TRUE(security["readOnlyRootFilesystem"].as<bool>(false));
    EXPECT_FALSE(security["allowPrivilegeEscalation"].as<bool>(true));
    EXPECT_THAT(security["capabilities"]["drop"].as<std::vector<std::string>>(),
                ElementsAre("ALL"));
    EXPECT_FALSE(security["capabilities"]["add"]);
    for (const YAML::Node& volume : pod["volumes"]) EXPECT_FALSE(volume["hostPath"]);
  });
  EXPECT_EQ(containers, 5);
}

TEST_F(KubernetesTest, ContainersAreLimitedAndProbed) {
  ForEachContainer([](const YAML::Node& workload, const YAML::Node& container) {
    for (const char* what : {"requests", "limits"}) {
      for (const char* resource : {"cpu", "memory", "ephemeral-storage"}) {
        EXPECT_TRUE(container["resources"][what][resource]) << what << " " << resource;
      }
    }
    for (const char* probe : {"startupProbe", "readinessProbe", "livenessProbe"}) {
      const YAML::Node asked = container[probe];
      ASSERT_TRUE(asked) << probe;
      const YAML::Node target = asked["grpc"] ? asked["grpc"] : asked["httpGet"];
      ASSERT_TRUE(target) << probe;
      EXPECT_NE(PortOf(target["port"], workload), 0) << probe << " asks a port that is none";
    }
    // Readiness and liveness of our services ask different things.
    EXPECT_TRUE(SplitImage(container["image"].as<std::string>()).first == "grafana" ||
                YAML::Dump(container["readinessProbe"]["grpc"]) !=
                    YAML::Dump(container["livenessProbe"]["grpc"]) ||
                YAML::Dump(container["readinessProbe"]["httpGet"]) !=
                    YAML::Dump(container["livenessProbe"]["httpGet"]));
  });
}

TEST_F(KubernetesTest, PodsAreSpreadAndMayBeDrained) {
  for (const YAML::Node& workload : Workloads(*objects_)) {
    SCOPED_TRACE(Name(workload));
    EXPECT_TRUE(PodSpec(workload)["topologySpreadConstraints"].IsSequence());
    EXPECT_GT(PodSpec(workload)["terminationGracePeriodSeconds"].as<int>(0), 0);
    const YAML::Node budget = Find(*objects_, "PodDisruptionBudget", Name(workload))["spec"];
    EXPECT_EQ(budget["maxUnavailable"].as<int>(0), 1);
    EXPECT_TRUE(Selects(budget["selector"]["matchLabels"], workload));
  }
}

TEST_F(KubernetesTest, StateHasAVolume) {
  for (const char* name : {"transfer", "delta", "prometheus", "grafana"}) {
    SCOPED_TRACE(name);
    const YAML::Node workload = Workload(name);
    const YAML::Node claims = workload["spec"]["volumeClaimTemplates"];
    ASSERT_EQ(claims.size(), 1u);
    EXPECT_FALSE(claims[0]["spec"]["storageClassName"]) << "the default class is meant";
    EXPECT_TRUE(PodSpec(workload)["securityContext"]["fsGroup"]);
  }
  EXPECT_TRUE(absl::StartsWith(SettingsOf("transfer")["data"], "/var/lib/dray/"));
  EXPECT_TRUE(absl::StartsWith(SettingsOf("delta")["catalog"], "sqlite:/var/lib/dray/"));
}

TEST_F(KubernetesTest, EveryMountIsAVolumeAndEveryVolumeIsThere) {
  std::set<std::string> maps;
  for (const YAML::Node& map : OfKind(*objects_, "ConfigMap")) maps.insert(Name(map));
  std::set<std::string> used;
  ForEachContainer([&](const YAML::Node& workload, const YAML::Node& container) {
    std::set<std::string> volumes;
    for (const YAML::Node& claim : workload["spec"]["volumeClaimTemplates"]) {
      volumes.insert(Name(claim));
    }
    const auto check_map = [&](const YAML::Node& source) {
      const std::string name = source["name"].as<std::string>();
      EXPECT_THAT(maps, Contains(name));
      used.insert(name);
      for (const YAML::Node& item : source["items"]) {
        EXPECT_TRUE(Find(*objects_, "ConfigMap", name)["data"][item["key"].as<std::string>()]);
      }
    };
    for (const YAML::Node& volume : PodSpec(workload)["volumes"]) {
      volumes.insert(volume["name"].as<std::string>());
      if (const YAML::Node map = volume["configMap"]) check_map(map);
      if (const YAML::Node projected = volume["projected"]) {
        for (const YAML::Node& source : projected["sources"]) check_map(source["configMap"]);
      }
    }
    std::set<std::string> mounted;
    for (const YAML::Node& mount : container["volumeMounts"]) {
      mounted.insert(mount["name"].as<std::string>());
    }
    EXPECT_EQ(mounted, volumes);
  });
  EXPECT_EQ(used, maps) << "a ConfigMap that no pod mounts";
}

// kubectl apply keeps what was applied in an annotation, which may have 256 KiB.
TEST_F(KubernetesTest, ObjectsAreSmallEnoughToBeApplied) {
  for (const YAML::Node& object : *objects_) {
    YAML::Emitter json;
    json << YAML::DoubleQuoted << YAML::Flow << object;
    EXPECT_LT(json.size(), 250u * 1024) << Name(object);
  }
}

TEST_F(KubernetesTest, ARestoreFindsTheVolumes) {
  const YAML::Node pod = Find(tree_->Render("k8s/restore"), "Pod", "restore");
  const auto [image, tag] = SplitImage(pod["spec"]["containers"][0]["image"].as<std::string>());
  EXPECT_EQ(image, "dray-delta");
  EXPECT_EQ(tag, kVersion);
  for (const YAML::Node& volume : pod["spec"]["volumes"]) {
    const std::string name = volume["name"].as<std::string>();
    EXPECT_EQ(
        volume["persistentVolumeClaim"]["claimName"].as<std::string>(),
        absl::StrCat(Name(Workload(name)["spec"]["volumeClaimTemplates"][0]), "-", name, "-0"));
  }
}

TEST_F(KubernetesTest, ServicesLeadToPortsOfTheirPods) {
  for (const YAML::Node& service : OfKind(*objects_, "Service")) {
    SCOPED_TRACE(Name(service));
    EXPECT_TRUE(service["spec"]["clusterIP"] ||
                service["spec"]["type"].as<std::string>() == "ClusterIP");
    int pods = 0;
    for (const YAML::Node& workload : Workloads(*objects_)) {
      if (!Selects(service["spec"]["selector"], workload)) continue;
      ++pods;
      for (const YAML::Node& port : service["spec"]["ports"]) {
        EXPECT_EQ(PortOf(port["targetPort"], workload), port["port"].as<int>());
      }
    }
    EXPECT_EQ(pods, 1);
  }
}

TEST_F(KubernetesTest, OverlaysOpenTheFrontDoorAndNothingElse) {
  const std::map<std::string, std::string> types = {{"nodeport", "NodePort"},
                                                    {"loadbalancer", "LoadBalancer"}};
  for (const auto& [overlay, type] : types) {
    SCOPED_TRACE(overlay);
    const auto objects = tree_->Render("k8s/overlays/" + overlay);
    for (const YAML::Node& service : OfKind(objects, "Service")) {
      EXPECT_EQ(service["spec"]["type"].as<std::string>("ClusterIP"),
                Name(service) == "transfer" ? type : "ClusterIP");
    }
    const YAML::Node clients = Find(objects, "NetworkPolicy", "transfer-clients")["spec"];
    ASSERT_EQ(clients["ingress"].size(), 1u);
    EXPECT_EQ(PortOf(clients["ingress"][0]["ports"][0]["port"], Workload("transfer")), 5000);
    for (const YAML::Node& from : clients["ingress"][0]["from"]) {
      EXPECT_NE(from["ipBlock"]["cidr"].as<std::string>(), "0.0.0.0/0");
    }
  }
}

TEST_F(KubernetesTest, OnlyThoseReachAPortWhoNeedIt) {
  const YAML::Node nothing = Find(*objects_, "NetworkPolicy", "nothing-else")["spec"];
  EXPECT_EQ(nothing["podSelector"].size(), 0u);
  EXPECT_FALSE(nothing["ingress"]);
  EXPECT_FALSE(nothing["egress"]);
  EXPECT_THAT(nothing["policyTypes"].as<std::vector<std::string>>(),
              UnorderedElementsAre("Ingress", "Egress"));

  EXPECT_THAT(AdmittedTo("transfer", 5000), ElementsAre("namespace dray/client"));
  EXPECT_THAT(AdmittedTo("transfer", 5050), ElementsAre("delta"));
  EXPECT_THAT(AdmittedTo("delta", 5051), ElementsAre("transfer"));
  EXPECT_THAT(AdmittedTo("monitor", 5052), ElementsAre("delta", "transfer"));
  EXPECT_THAT(AdmittedTo("monitor", 8000), ElementsAre("namespace dray/dashboards", "prometheus"));
  EXPECT_THAT(AdmittedTo("prometheus", 9090), ElementsAre("grafana", "namespace dray/dashboards"));
  EXPECT_THAT(AdmittedTo("grafana", 3000), ElementsAre("namespace dray/dashboards"));
}

TEST_F(KubernetesTest, WhatIsAdmittedMayAlsoGoOut) {
  for (const YAML::Node& policy : OfKind(*objects_, "NetworkPolicy")) {
    for (const YAML::Node& rule : policy["spec"]["egress"]) {
      for (const YAML::Node& to : rule["to"]) {
        const std::string target = PeerName(to);
        const int port = PortOf(rule["ports"][0]["port"], Workload(target));
        EXPECT_THAT(AdmittedTo(target, port), Contains(Name(policy)));
      }
    }
  }
}

TEST_F(KubernetesTest, SettingsNameAddressesThatAreThere) {
  const auto reaches = [&](const std::string& address) {
    const std::vector<std::string> parts = absl::StrSplit(address, ':');
    const YAML::Node service = Find(*objects_, "Service", parts[0]);
    for (const YAML::Node& port : service["spec"]["ports"]) {
      if (port["port"].as<std::string>() == parts[1]) return true;
    }
    return false;
  };
  EXPECT_TRUE(reaches(SettingsOf("transfer")["delta"]));
  EXPECT_TRUE(reaches(SettingsOf("transfer")["monitor"]));
  EXPECT_TRUE(reaches(SettingsOf("delta")["monitor"]));
  for (const YAML::Node& map : OfKind(*objects_, "ConfigMap")) {
    if (!absl::StartsWith(Name(map), "prometheus-targets")) continue;
    const YAML::Node targets = YAML::Load(map["data"]["cluster.yml"].as<std::string>());
    EXPECT_TRUE(reaches(targets[0]["targets"][0].as<std::string>()));
  }
  for (const YAML::Node& variable : PodSpec(Workload("grafana"))["containers"][0]["env"]) {
    if (variable["name"].as<std::string>() != "DRAY_PROMETHEUS_URL") continue;
    EXPECT_TRUE(reaches(variable["value"].as<std::string>().substr(std::string("http://").size())));
  }
}

TEST_F(KubernetesTest, PortsAreThoseThatTheProgramsListenOn) {
  const std::map<std::string, std::map<std::string, std::string>> flags = {
      {"transfer", {{"front-door", "listen"}, {"admin", "admin"}}},
      {"delta", {{"grpc", "listen"}}},
      {"monitor", {{"grpc", "listen"}, {"http", "http"}}}};
  for (const auto& [name, ports] : flags) {
    auto settings = SettingsOf(name);
    const auto container_ports = ContainerPorts(Workload(name));
    EXPECT_EQ(container_ports.size(), ports.size());
    for (const auto& [port, flag] : ports) {
      EXPECT_EQ(PortIn(settings[flag]), container_ports.at(port)) << name << " --" << flag;
    }
  }
}

TEST_F(KubernetesTest, DrainIsShorterThanTheGracePeriod) {
  const std::string drain = SettingsOf("transfer")["drain-timeout"];
  ASSERT_TRUE(absl::EndsWith(drain, "s")) << drain;
  EXPECT_LT(std::stoi(drain) + 5,
            PodSpec(Workload("transfer"))["terminationGracePeriodSeconds"].as<int>());
}

TEST_F(KubernetesTest, ImagesAreTargetsAndHaveTheVersion) {
  const std::string containerfile = ReadFile(tree_->Path("images/Containerfile"));
  for (const std::string name : kServices) {
    const YAML::Node container = PodSpec(Workload(name))["containers"][0];
    const auto [image, tag] = SplitImage(container["image"].as<std::string>());
    EXPECT_EQ(image, "dray-" + name);
    EXPECT_EQ(tag, kVersion);
    EXPECT_EQ(container["imagePullPolicy"].as<std::string>(""), "IfNotPresent");
    EXPECT_THAT(containerfile, HasSubstr(" AS " + name + "\n"));
    EXPECT_THAT(containerfile, HasSubstr("ENTRYPOINT [\"/usr/bin/dray-" + name + "\"]"));
    for (const auto& [_, port] : ContainerPorts(Workload(name))) {
      EXPECT_THAT(containerfile, HasSubstr(absl::StrCat(port)));
    }
    const std::string user =
        PodSpec(Workload(name))["securityContext"]["runAsUser"].as<std::string>();
    EXPECT_THAT(containerfile, HasSubstr("USER " + user + ":" + user));
  }
  ForEachContainer([](const YAML::Node&, const YAML::Node& container) {
    const std::string tag = SplitImage(container["image"].as<std::string>()).second;
    EXPECT_FALSE(tag.empty() || tag == "latest") << container["image"];
  });
}

TEST_F(KubernetesTest, NoSecretHasAValueInTheTree) {
  EXPECT_THAT(OfKind(*objects_, "Secret"), IsEmpty());
  int secrets = 0;
  ForEachContainer([&](const YAML::Node&, const YAML::Node& container) {
    for (const YAML::Node& variable : container["env"]) {
      const std::string name = absl::AsciiStrToUpper(variable["name"].as<std::string>());
      if (!absl::StrContains(name, "PASSWORD") && !absl::StrContains(name, "SECRET") &&
          !absl::StrContains(name, "TOKEN")) {
        continue;
      }
      ++secrets;
      EXPECT_FALSE(variable["value"]) << name;
      EXPECT_TRUE(variable["valueFrom"]["secretKeyRef"]) << name;
    }
  });
  EXPECT_EQ(secrets, 1) << "Grafana's";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tree_->Path(""))) {
    if (!entry.is_regular_file()) continue;
    EXPECT_FALSE(absl::StrContains(ReadFile(entry.path()), "secretGenerator")) << entry.path();
  }
}

TEST_F(KubernetesTest, GrafanaFindsWhatIsProvisioned) {
  const YAML::Node container = PodSpec(Workload("grafana"))["containers"][0];
  std::map<std::string, std::string> mounts;
  for (const YAML::Node& mount : container["volumeMounts"]) {
    mounts[mount["mountPath"].as<std::string>()] = mount["name"].as<std::string>();
  }
  std::map<std::string, std::string> environment;
  for (const YAML::Node& variable : container["env"]) {
    environment[variable["name"].as<std::string>()] = variable["value"].as<std::string>("");
  }
  EXPECT_EQ(mounts[environment["DRAY_DASHBOARDS"]], "dashboards");
  EXPECT_EQ(mounts[environment["GF_PATHS_PROVISIONING"] + "/datasources"], "datasources");
  EXPECT_EQ(mounts[environment["GF_PATHS_PROVISIONING"] + "/dashboards"], "providers");
  // Every variable that the provisioning files ask for is set.
  for (const char* file :
       {"provisioning/datasources/prometheus.yml", "provisioning/dashboards/dray.yml"}) {
    for (const absl::string_view word :
         absl::StrSplit(ReadFile(tree_->Path(absl::StrCat("grafana/", file))),
                        absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
      if (word.front() != '$') continue;
      EXPECT_EQ(environment.count(std::string(word.substr(1))), 1u) << word;
    }
  }
  // Every dashboard of the tree is in the cluster.
  size_t dashboards = 0;
  for (const auto& entry : std::filesystem::directory_iterator(tree_->Path("grafana/dashboards"))) {
    ++dashboards;
    bool found = false;
    for (const YAML::Node& map : OfKind(*objects_, "ConfigMap")) {
      if (absl::StartsWith(Name(map), "grafana-dashboards")) {
        found |= static_cast<bool>(map["data"][entry.path().filename().string()]);
      }
    }
    EXPECT_TRUE(found) << entry.path();
  }
  EXPECT_GT(dashboards, 0u);
}

TEST_F(KubernetesTest, PrometheusFindsItsRulesAndTargets) {
  const YAML::Node config = YAML::LoadFile(tree_->Path("prometheus/prometheus.yml"));
  std::set<std::string> keys;
  for (const YAML::Node& map : OfKind(*objects_, "ConfigMap")) {
    if (!absl::StartsWith(Name(map), "prometheus-config")) continue;
    for (const auto& entry : map["data"]) keys.insert(entry.first.as<std::string>());
  }
  for (const YAML::Node& rules : config["rule_files"]) {
    EXPECT_THAT(keys, Contains(rules.as<std::string>()));
  }
  EXPECT_EQ(config["scrape_configs"][0]["file_sd_configs"][0]["files"][0].as<std::string>(),
            "targets/*.yml");
  const YAML::Node sources = PodSpec(Workload("prometheus"))["volumes"][0]["projected"]["sources"];
  EXPECT_EQ(sources[1]["configMap"]["items"][0]["path"].as<std::string>(), "targets/cluster.yml");
}

TEST_F(KubernetesTest, TheHandbookSaysWhatToDoAboutEveryAlert) {
  const std::string handbook =
      ReadFile(std::filesystem::canonical(std::string(std::getenv("TEST_SRCDIR")) + "/" +
                                          std::getenv("TEST_WORKSPACE") + "/docs/kubernetes.md"));
  int alerts = 0;
  for (const YAML::Node& group : YAML::LoadFile(tree_->Path("prometheus/alerts.yml"))["groups"]) {
    for (const YAML::Node& rule : group["rules"]) {
      ++alerts;
      EXPECT_THAT(handbook, HasSubstr("`" + rule["alert"].as<std::string>() + "`"));
    }
  }
  EXPECT_GT(alerts, 0);
}

}  // namespace
}  // namespace dray::testing
