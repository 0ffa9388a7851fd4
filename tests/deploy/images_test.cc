// Builds the images as scripts/images does, starts the services from them as Kubernetes would (no
// root, no capability, nothing writable but the volume, the settings of deploy/k8s), moves a file
// through them, and restores a backup as docs/kubernetes.md has it.
//
// Needs root, buildah, podman, runc, mmdebstrap and Debian's packages from the network;
// $DRAY_SOURCE is the repository, $DRAY_DISK_CACHE a Bazel disk cache that has its programs.
// scripts/test --images runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/version.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

constexpr char kBase[] = "docker.io/library/debian:bookworm-slim";
constexpr uid_t kUser = 10001;
constexpr uint64_t kMostImageBytes = 100'000'000;
const char* const kImages[] = {"dray", "dray-transfer", "dray-delta", "dray-monitor"};

struct Result {
  int status = -1;
  std::string out;
  std::string err;
};

constexpr char kParent[] = "/var/tmp";
constexpr char kPrefix[] = "dray-images.";

// Containers and images in a folder of the test's own: on disk, since the build stage is large, and
// with a short name, since podman's sockets lie in it. Removed with this object.
class Engine {
 public:
  explicit Engine(pid_t owner = getpid()) {
    folder_ = absl::StrCat(kParent, "/", kPrefix, owner);
    for (const char* name : {"/root", "/run", "/tmp"}) fs::create_directories(folder_ + name);
    WriteFile(folder_ + "/storage.conf",
              absl::StrCat("[storage]\ndriver = \"overlay\"\ngraphroot = \"", folder_,
                           "/root\"\nrunroot = \"", folder_, "/run\"\n"));
    // Where cgroups are of both versions, crun refuses. The limits are below those of any machine.
    WriteFile(folder_ + "/containers.conf",
              "[containers]\ndefault_ulimits = [\"nofile=8192:8192\", \"nproc=4096:4096\"]\n"
              "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\n"
              "events_logger = \"file\"\n");
  }
  // What a killed test left behind.
  static void RemoveLeftOvers() {
    std::vector<pid_t> gone;
    for (const auto& entry : fs::directory_iterator(kParent)) {
      const std::string name = entry.path().filename();
      pid_t owner = 0;
      if (!absl::StartsWith(name, kPrefix)) continue;
      if (!absl::SimpleAtoi(name.substr(strlen(kPrefix)), &owner)) continue;
      if (kill(owner, 0) != 0 && errno == ESRCH) gone.push_back(owner);
    }
    for (const pid_t owner : gone) Engine left_over(owner);
  }
  ~Engine() {
    Run({"podman", "rm", "--all", "--force", "--time", "0"}, absl::Minutes(2));
    Run({"buildah", "rm", "--all"}, absl::Minutes(2));
    Run({"podman", "rmi", "--all", "--force"}, absl::Minutes(2));
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  Result Run(std::vector<std::string> command, absl::Duration timeout = absl::Minutes(2),
             const std::string& output_file = "") {
    Process::Options options;
    options.command = {"/usr/bin/env"};
    options.command.insert(options.command.end(), command.begin(), command.end());
    options.environment = {{"CONTAINERS_STORAGE_CONF", Path("storage.conf")},
                           {"CONTAINERS_CONF", Path("containers.conf")},
                           {"BUILDAH_ISOLATION", "chroot"},
                           {"TMPDIR", Path("tmp")}};
    options.output_file = output_file.empty() ? Path("out") : output_file;
    options.error_file = Path("err");
    Process process(options);
    const auto ended = process.Wait(timeout);
    Result result;
    if (ended) result.status = ended->status();
    if (output_file.empty()) result.out = ReadFile(options.output_file);
    result.err = ReadFile(options.error_file);
    return result;
  }

 private:
  std::string folder_;
};

std::string Image(const std::string& name) {
  return absl::StrCat("localhost/", name, ":", kVersion);
}

// The last part of what a long build said.
std::string Tail(const Result& result) {
  const std::string all = result.out + result.err;
  return all.size() < 6000 ? all : all.substr(all.size() - 6000);
}

class ImagesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* source = std::getenv("DRAY_SOURCE");
    const char* cache = std::getenv("DRAY_DISK_CACHE");
    ASSERT_TRUE(source != nullptr && cache != nullptr) << "set DRAY_SOURCE and DRAY_DISK_CACHE";
    ASSERT_EQ(geteuid(), 0u) << "images are built here as root";
    source_ = source;
    Engine::RemoveLeftOvers();
    engine_ = new Engine();
    const Result base = engine_->Run({source_ + "/deploy/images/base", engine_->Path("base.tar")},
                                     absl::Minutes(15));
    ASSERT_EQ(base.status, 0) << Tail(base);
    const Result import =
        engine_->Run({"podman", "import", engine_->Path("base.tar"), kBase}, absl::Minutes(5));
    ASSERT_EQ(import.status, 0) << Tail(import);
    const Result built = engine_->Run(
        {source_ + "/scripts/images", "--engine", "buildah", "--base", kBase, "--cache", cache},
        absl::Minutes(40));
    ASSERT_EQ(built.status, 0) << Tail(built);
  }
  static void TearDownTestSuite() { delete engine_; }

  nlohmann::json Inspect(const std::string& image) {
    const Result result = engine_->Run({"podman", "image", "inspect", image});
    EXPECT_EQ(result.status, 0) << result.err;
    const auto all = nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
    if (!all.is_array() || all.empty()) return {};
    return all[0];
  }

  static std::string source_;
  static Engine* engine_;
};
std::string ImagesTest::source_;
Engine* ImagesTest::engine_ = nullptr;

TEST_F(ImagesTest, AreSmallAndNotRootAndSayWhatTheyAre) {
  for (const std::string name : kImages) {
    SCOPED_TRACE(name);
    const nlohmann::json image = Inspect(Image(name));
    EXPECT_LT(image.value("Size", kMostImageBytes), kMostImageBytes);
    EXPECT_EQ(image["Id"], Inspect("localhost/" + name + ":latest")["Id"]);
    const nlohmann::json config = image.value("Config", nlohmann::json::object());
    EXPECT_EQ(config.value("User", ""), absl::StrCat(kUser, ":", kUser));
    EXPECT_EQ(config["Entrypoint"], nlohmann::json::array({"/usr/bin/" + name}));
    const nlohmann::json labels = image.value("Labels", nlohmann::json::object());
    EXPECT_EQ(labels.value("org.opencontainers.image.title", ""), name);
    EXPECT_EQ(labels.value("org.opencontainers.image.version", ""), kVersion);
    for (const char* label : {"description", "licenses", "vendor", "base.name"}) {
      EXPECT_TRUE(labels.contains(absl::StrCat("org.opencontainers.image.", label))) << label;
    }
  }
}

TEST_F(ImagesTest, LoadOnlyWhatHasNoArchive) {
  for (const std::string name : kImages) {
    SCOPED_TRACE(name);
    const Result loaded = engine_->Run({"podman", "run", "--rm", "--network", "none",
                                        "--entrypoint", "ldd", Image(name), "/usr/bin/" + name});
    ASSERT_EQ(loaded.status, 0) << loaded.err;
    EXPECT_THAT(loaded.out, HasSubstr("libspdlog"));
    EXPECT_THAT(loaded.out, Not(HasSubstr("not found")));
    for (const char* archived : {"grpc", "absl", "protobuf", "crypto", "sqlite", "zstd", "xxhash",
                                 "cares", "re2", "libz."}) {
      EXPECT_THAT(loaded.out, Not(HasSubstr(archived)));
    }
    const Result version =
        engine_->Run({"podman", "run", "--rm", "--network", "none", Image(name), "--version"});
    EXPECT_EQ(version.out, absl::StrCat(name, " ", kVersion, "\n")) << version.err;
  }
}

// The services of one pod: they share a network that has loopback alone.
class PodTest : public ImagesTest {
 protected:
  void SetUp() override {
    ASSERT_NE(engine_, nullptr);
    WriteFile(engine_->Path("hosts"), "127.0.0.1 localhost monitor delta transfer\n");
    for (const char* name : {"delta", "transfer", "work"}) {
      MakeFolder(engine_->Path(name));
      ASSERT_EQ(chown(engine_->Path(name).c_str(), kUser, kUser), 0);
    }
  }
  void TearDown() override {
    RemoveServices();
    for (const char* name : {"delta", "transfer", "work"}) fs::remove_all(engine_->Path(name));
  }

  static void RemoveServices() {
    for (const char* name : {"restore", "transfer", "delta", "monitor"}) {
      engine_->Run({"podman", "rm", "--force", "--ignore", "--time", "0", name});
    }
  }
  // `podman run` as the restricted profile would have it.
  std::vector<std::string> Command(const std::string& network) {
    return {"podman",
            "run",
            "--read-only",
            "--read-only-tmpfs=false",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            "--network",
            network,
            "--no-hosts",
            "--volume",
            engine_->Path("hosts") + ":/etc/hosts:ro"};
  }
  static void Append(std::vector<std::string>& list, const std::vector<std::string>& more) {
    list.insert(list.end(), more.begin(), more.end());
  }
  void StartService(const std::string& name) {
    auto command = Command(name == "monitor" ? "none" : "container:monitor");
    const std::string settings = "/etc/dray/" + name + ".conf";
    Append(command, {"--detach", "--name", name, "--volume",
                     absl::StrCat(source_, "/deploy/k8s/base/", name, "/", name, ".conf:", settings,
                                  ":ro")});
    if (name != "monitor") Append(command, {"--volume", engine_->Path(name) + ":/var/lib/dray"});
    Append(command, {Image("dray-" + name), "--config", settings, "--log-dir", ""});
    const Result started = engine_->Run(command);
    ASSERT_EQ(started.status, 0) << started.err;
  }
  void StartServices() {
    for (const char* name : {"monitor", "delta", "transfer"}) StartService(name);
    Result status;
    for (int tries = 0; tries < 60; ++tries) {
      status = Dray({"status"});
      if (status.status == 0) return;
      absl::SleepFor(absl::Seconds(1));
    }
    FAIL() << status.out << status.err << engine_->Run({"podman", "logs", "transfer"}).err;
  }
  // SIGTERM, as kubelet does; each ends by itself.
  void StopServices() {
    for (const char* name : {"transfer", "delta", "monitor"}) {
      EXPECT_EQ(engine_->Run({"podman", "stop", "--time", "40", name}).status, 0);
      const Result code =
          engine_->Run({"podman", "inspect", "--format", "{{.State.ExitCode}}", name});
      EXPECT_EQ(code.out, "0\n") << name << engine_->Run({"podman", "logs", name}).err;
      EXPECT_EQ(engine_->Run({"podman", "rm", name}).status, 0);
    }
  }
  Result Dray(const std::vector<std::string>& arguments) {
    auto command = Command("container:monitor");
    Append(command, {"--rm", "--volume", engine_->Path("work") + ":/work", Image("dray")});
    Append(command, arguments);
    Append(command, {"--server", "transfer:5000"});
    return engine_->Run(command, absl::Minutes(4));
  }
  void Restore() {
    auto command = Command("none");
    Append(command,
           {"--detach", "--name", "restore", "--volume", engine_->Path("delta") + ":/delta",
            "--volume", engine_->Path("transfer") + ":/transfer", "--volume",
            engine_->Path("backup") + ":/backup:ro", "--entrypoint", "sleep", Image("dray-delta"),
            "infinity"});
    ASSERT_EQ(engine_->Run(command).status, 0);
    const auto in = [&](const std::string& what) {
      const Result result = engine_->Run({"podman", "exec", "restore", "sh", "-c", what});
      EXPECT_EQ(result.status, 0) << what << ": " << result.err;
    };
    in("rm -rf /transfer/store /delta/catalog.db*");
    in("tar -C /transfer -xf - < /backup/store.tar");
    in("cat > /delta/catalog.db < /backup/catalog.db");
    engine_->Run({"podman", "rm", "--force", "--time", "0", "restore"});
  }
};

TEST_F(PodTest, MovesAFileThroughTheImagesAndRestoresABackup) {
  WriteRandomFile(engine_->Path("work/file"), 32 << 20, 7);
  CopyWithPrefix(engine_->Path("work/file"), "later", engine_->Path("work/later"));
  StartServices();
  ASSERT_FALSE(HasFatalFailure());
  const Result put = Dray({"put", "/work/file", ":/file"});
  ASSERT_EQ(put.status, 0) << put.err;

  MakeFolder(engine_->Path("backup"));
  const Result backup = engine_->Run({"podman", "exec", "delta", "dray-delta", "backup", "--config",
                                      "/etc/dray/delta.conf", "/var/lib/dray/backup.db"});
  ASSERT_EQ(backup.status, 0) << backup.err;
  // Uploads go on between the two: the store is newer than the catalog.
  ASSERT_EQ(Dray({"put", "/work/later", ":/file"}).status, 0);
  ASSERT_EQ(engine_
                ->Run({"podman", "exec", "delta", "cat", "/var/lib/dray/backup.db"},
                      absl::Minutes(1), engine_->Path("backup/catalog.db"))
                .status,
            0);
  ASSERT_EQ(
      engine_
          ->Run({"podman", "exec", "transfer", "tar", "-C", "/var/lib/dray", "-cf", "-", "store"},
                absl::Minutes(2), engine_->Path("backup/store.tar"))
          .status,
      0);
  ASSERT_EQ(Dray({"rm", ":/file"}).status, 0);
  StopServices();
  Restore();
  ASSERT_FALSE(HasFatalFailure());

  StartServices();
  ASSERT_FALSE(HasFatalFailure());
  const Result get = Dray({"get", ":/file", "/work/back"});
  ASSERT_EQ(get.status, 0) << get.err;
  EXPECT_TRUE(SameContents(engine_->Path("work/file"), engine_->Path("work/back")));
  const Result check = engine_->Run({"podman", "exec", "delta", "dray-delta", "check", "--config",
                                     "/etc/dray/delta.conf", "--transfer", "transfer:5050"});
  EXPECT_EQ(check.status, 0) << check.out << check.err;
  StopServices();
}

}  // namespace
}  // namespace dray::testing
