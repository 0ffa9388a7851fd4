#include "cli/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/command_line.h"

namespace dray {

Interrupt::Interrupt() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signals_.Reset(::signalfd(-1, &signals, SFD_CLOEXEC));
  stop_.Reset(::eventfd(0, EFD_CLOEXEC));
  watcher_ = std::thread([this] { Watch(); });
}

Interrupt::~Interrupt() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_.get(), &one, sizeof(one));
  watcher_.join();
}

void Interrupt::Watch() {
  while (true) {
    pollfd fds[] = {{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return;
    signalfd_siginfo info;
    if (::read(signals_.get(), &info, sizeof(info)) != sizeof(info)) continue;
    absl::MutexLock lock(&mu_);
    if (interrupted_) ::_exit(kExitInterrupted);
    interrupted_ = true;
    if (client_ != nullptr) client_->Cancel();
  }
}

void Interrupt::SetClient(Client* client) {
  absl::MutexLock lock(&mu_);
  client_ = client;
  if (interrupted_ && client_ != nullptr) client_->Cancel();
}

bool Interrupt::interrupted() const {
  absl::MutexLock lock(&mu_);
  return interrupted_;
}

}  // namespace dray
