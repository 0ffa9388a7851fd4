#include "tests/support/process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"

namespace dray::testing {
namespace {

constexpr absl::Duration kPollPeriod = absl::Milliseconds(5);
constexpr int kCannotStart = 127;

void Redirect(int to, const std::string& file, int flags) {
  const int fd = open(file.empty() ? "/dev/null" : file.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0 || dup2(fd, to) < 0) _exit(kCannotStart);
}

// What root may do with files of any mode, an ordinary user never could.
void DropFileCapabilities() {
  if (getuid() != 0) return;
  for (const int capability : {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH}) {
    if (prctl(PR_CAPBSET_DROP, capability) != 0) _exit(kCannotStart);
  }
}

[[noreturn]] void RunChild(const Process::Options& options, pid_t parent) {
  for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
  Redirect(STDIN_FILENO, "", O_RDONLY);
  Redirect(STDOUT_FILENO, options.output_file, O_WRONLY | O_CREAT | O_TRUNC);
  Redirect(STDERR_FILENO, options.error_file, O_WRONLY | O_CREAT | O_APPEND);
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) _exit(kCannotStart);
  if (options.network >= 0 && setns(options.network, CLONE_NEWNET) != 0) _exit(kCannotStart);
  std::vector<char*> arguments;
  for (const std::string& argument : options.command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  if (options.honour_modes) DropFileCapabilities();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(kCannotStart);
  execv(arguments[0], arguments.data());
  _exit(kCannotStart);
}

constexpr absl::Duration kMostToStop = absl::Seconds(10);

bool AllThreadsStopped(pid_t pid) {
  std::error_code error;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
    std::ifstream file(task.path() / "stat");
    std::string stat;
    std::getline(file, stat);
    const size_t name_end = stat.rfind(") ");
    if (name_end != std::string::npos && stat.compare(name_end + 2, 1, "T") != 0) return false;
  }
  return !error;
}

}  // namespace

Process::Process(const Options& options) {
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) RunChild(options, parent);
}

Process::~Process() { Kill(); }

std::optional<Ended> Process::Poll() {
  if (ended_ || pid_ < 0) return ended_;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  ended_.emplace();
  if (WIFSIGNALED(status)) {
    ended_->signal = WTERMSIG(status);
  } else {
    ended_->exit_code = WEXITSTATUS(status);
  }
  return ended_;
}

std::optional<Ended> Process::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!Poll() && absl::Now() < deadline) absl::SleepFor(kPollPeriod);
  return ended_;
}

void Process::Signal(int signal) {
  if (Poll() || pid_ <= 0) return;
  kill(pid_, signal);
  // A thread that was about to run may run a little yet.
  const absl::Time latest = absl::Now() + kMostToStop;
  while (signal == SIGSTOP && !AllThreadsStopped(pid_) && !Poll() && absl::Now() < latest) {
    absl::SleepFor(kPollPeriod);
  }
}

void Process::Kill() {
  Signal(SIGKILL);
  while (pid_ > 0 && !Poll()) absl::SleepFor(kPollPeriod);
}

uint64_t PeakKib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stoull(line.substr(6));
  }
  return 0;
}

}  // namespace dray::testing
