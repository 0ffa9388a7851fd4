#include "tests/support/link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <queue>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "tests/support/tcp_reset.h"

namespace dray::testing {
namespace {

constexpr char kClientHost[] = "10.77.0.2";
constexpr size_t kMaxPacketBytes = 2048;
constexpr absl::Duration kLongestQueue = absl::Milliseconds(500);

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "cannot make a link, which takes root and /dev/net/tun: %s: %s\n", what,
               std::strerror(errno));
  std::abort();
}

UniqueFd CurrentNamespace() {
  UniqueFd fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) Die("/proc/thread-self/ns/net");
  return fd;
}

void Configure(int socket, ifreq request, const char* host) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, host, &address.sin_addr);
  std::memcpy(&request.ifr_addr, &address, sizeof(address));
  if (ioctl(socket, SIOCSIFADDR, &request) != 0) Die("SIOCSIFADDR");
  inet_pton(AF_INET, "255.255.255.0", &address.sin_addr);
  std::memcpy(&request.ifr_netmask, &address, sizeof(address));
  if (ioctl(socket, SIOCSIFNETMASK, &request) != 0) Die("SIOCSIFNETMASK");
}

void BringUp(int socket, ifreq request) {
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(socket, SIOCSIFFLAGS, &request) != 0) Die("SIOCSIFFLAGS");
}

// A tun device called "link" in the current namespace, and the loopback device, both up.
UniqueFd OpenDevice(const char* host) {
  UniqueFd tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (tun.get() < 0) Die("/dev/net/tun");
  ifreq request{};
  std::strcpy(request.ifr_name, "link");
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(tun.get(), TUNSETIFF, &request) != 0) Die("TUNSETIFF");
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Configure(socket.get(), request, host);
  BringUp(socket.get(), request);
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  BringUp(socket.get(), loopback);
  return tun;
}

}  // namespace

class Link::Impl {
 public:
  Impl() {
    if (unshare(CLONE_NEWNET) != 0) Die("unshare");
    const UniqueFd server = CurrentNamespace();
    ends_[0] = OpenDevice(server_host());
    if (unshare(CLONE_NEWNET) != 0) Die("unshare");
    client_ = CurrentNamespace();
    ends_[1] = OpenDevice(kClientHost);
    if (setns(server.get(), CLONE_NEWNET) != 0) Die("setns");
    wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    thread_ = std::thread([this] { Run(); });
  }
  ~Impl() {
    {
      absl::MutexLock lock(&mu_);
      ended_ = true;
    }
    Wake();
    thread_.join();
  }

  void Set(const Conditions& conditions) {
    {
      absl::MutexLock lock(&mu_);
      conditions_ = conditions;
    }
    Wake();
  }
  int client_namespace() const { return client_.get(); }

 private:
  struct Packet {
    absl::Time due;
    uint64_t number;
    std::string bytes;
    // Whoever is due first is on top.
    bool operator<(const Packet& other) const {
      return due != other.due ? due > other.due : number > other.number;
    }
  };
  struct Direction {
    absl::Time line_free = absl::InfinitePast();
    std::priority_queue<Packet> flying;
  };

  void Wake() {
    const uint64_t one = 1;
    static_cast<void>(!write(wake_.get(), &one, sizeof(one)));
  }

  bool Chance(double share) { return share > 0 && std::bernoulli_distribution(share)(random_); }

  void Run() {
    while (true) {
      Conditions conditions;
      {
        absl::MutexLock lock(&mu_);
        if (ended_) return;
        conditions = conditions_;
      }
      for (size_t from = 0; from < 2; ++from) {
        TakeIn(from, conditions);
        Deliver(from);
      }
      Wait();
    }
  }

  // All that the kernel of one end has sent.
  void TakeIn(size_t from, const Conditions& conditions) {
    char bytes[kMaxPacketBytes];
    ssize_t size;
    while ((size = read(ends_[from].get(), bytes, sizeof(bytes))) > 0) {
      Route(from, std::string(bytes, static_cast<size_t>(size)), conditions);
    }
  }

  void Route(size_t from, std::string packet, const Conditions& conditions) {
    if (conditions.dark || Chance(conditions.loss)) return;
    if (conditions.reset) {
      const auto resets = ResetsFor(packet);
      if (!resets) return;
      Write(from, resets->to_source);
      Write(1 - from, resets->to_destination);
      return;
    }
    Direction& direction = directions_[from];
    const absl::Time now = absl::Now();
    absl::Time sent = now;
    if (conditions.bits_per_second != 0) {
      if (direction.line_free - now > kLongestQueue) return;
      sent = std::max(now, direction.line_free) +
             absl::Seconds(static_cast<double>(packet.size() * 8) /
                           static_cast<double>(conditions.bits_per_second));
      direction.line_free = sent;
    }
    const absl::Duration latency =
        Chance(conditions.reordered) ? absl::ZeroDuration() : conditions.latency;
    direction.flying.push({sent + latency, ++number_, std::move(packet)});
  }

  void Deliver(size_t from) {
    auto& flying = directions_[from].flying;
    for (const absl::Time now = absl::Now(); !flying.empty() && flying.top().due <= now;
         flying.pop()) {
      Write(1 - from, flying.top().bytes);
    }
  }

  // A device that takes no more loses the packet, as devices do.
  void Write(size_t end, const std::string& packet) {
    static_cast<void>(!write(ends_[end].get(), packet.data(), packet.size()));
  }

  void Wait() {
    absl::Time due = absl::Now() + absl::Seconds(1);
    for (const Direction& direction : directions_) {
      if (!direction.flying.empty()) due = std::min(due, direction.flying.top().due);
    }
    const timespec timeout = absl::ToTimespec(std::max(due - absl::Now(), absl::ZeroDuration()));
    std::array<pollfd, 3> fds = {pollfd{ends_[0].get(), POLLIN, 0},
                                 pollfd{ends_[1].get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
    ppoll(fds.data(), fds.size(), &timeout, nullptr);
    uint64_t woken;
    static_cast<void>(!read(wake_.get(), &woken, sizeof(woken)));
  }

  UniqueFd client_;
  std::array<UniqueFd, 2> ends_;  // server's, client's
  UniqueFd wake_;

  absl::Mutex mu_;
  Conditions conditions_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;

  // The thread's own.
  std::array<Direction, 2> directions_;  // by the end where packets come from
  uint64_t number_ = 0;
  std::mt19937_64 random_{1};
  std::thread thread_;
};

Link::Link() : impl_(std::make_unique<Impl>()) {}
Link::~Link() = default;
void Link::Set(const Conditions& conditions) { impl_->Set(conditions); }
int Link::client_namespace() const { return impl_->client_namespace(); }

}  // namespace dray::testing
