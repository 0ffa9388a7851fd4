#include "client/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "core/base/clock.h"
#include "core/net/link_time.h"

namespace dray {
namespace {

// poll(2) cannot be told to stop: waits are cut into slices between which cancellation is looked
// at.
constexpr absl::Duration kSlice = absl::Milliseconds(100);

int ToPollTimeout(absl::Duration duration) {
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 0, 1'000'000));
}

absl::Status WaitConnected(int fd, absl::Time deadline, const Cancellation* cancellation) {
  while (true) {
    DRAY_RETURN_IF_ERROR(cancellation->Check());
    const absl::Duration left = deadline - SteadyNow();
    if (left <= absl::ZeroDuration()) return absl::UnavailableError("no answer");
    pollfd poll_fd = {fd, POLLOUT, 0};
    const int ready = ::poll(&poll_fd, 1, ToPollTimeout(std::min(left, kSlice)) + 1);
    if (ready < 0 && errno != EINTR) return absl::UnavailableError(std::strerror(errno));
    if (ready <= 0) continue;
    int error = 0;
    socklen_t size = sizeof(error);
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return absl::UnavailableError(std::strerror(error));
    return absl::OkStatus();
  }
}

absl::StatusOr<UniqueFd> ConnectTo(const addrinfo& target, absl::Time deadline,
                                   const Cancellation* cancellation) {
  UniqueFd fd(::socket(target.ai_family, target.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                       target.ai_protocol));
  if (!fd.valid()) return absl::UnavailableError(std::strerror(errno));
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (::connect(fd.get(), target.ai_addr, target.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return absl::UnavailableError(std::strerror(errno));
    DRAY_RETURN_IF_ERROR(WaitConnected(fd.get(), deadline, cancellation));
  }
  return fd;
}

}  // namespace

Socket::Socket(UniqueFd fd, std::string peer, Traffic* traffic)
    : fd_(std::move(fd)), peer_(std::move(peer)), traffic_(traffic) {}

absl::StatusOr<Socket> Socket::Connect(const Address& address, absl::Duration timeout,
                                       Traffic* traffic, const Cancellation* cancellation) {
  const std::string peer = address.ToString();
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found);
  if (error != 0) {
    const std::string why = absl::StrCat("cannot reach ", peer, ": ", ::gai_strerror(error));
    return error == EAI_AGAIN ? absl::UnavailableError(why) : absl::NotFoundError(why);
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  const absl::Time deadline = SteadyNow() + timeout;
  absl::Status last = absl::UnavailableError("no address");
  for (const addrinfo* target = found; target != nullptr; target = target->ai_next) {
    auto fd = ConnectTo(*target, deadline, cancellation);
    if (fd.ok()) return Socket(*std::move(fd), peer, traffic);
    last = fd.status();
    if (last.code() == absl::StatusCode::kCancelled) return last;
  }
  return WithContext(last, absl::StrCat("cannot reach ", peer));
}

absl::Status Socket::WaitWritable() {
  while (true) {
    pollfd poll_fd = {fd_.get(), POLLOUT, 0};
    const int ready = ::poll(&poll_fd, 1, -1);
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
  }
}

absl::Status Socket::SendAll(absl::Span<iovec> parts) {
  constexpr size_t kMaxParts = 512;
  while (!parts.empty()) {
    msghdr message = {};
    message.msg_iov = parts.data();
    message.msg_iovlen = std::min(parts.size(), kMaxParts);
    const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) {
        return absl::UnavailableError(
            absl::StrCat("lost the connection to ", peer_, ": ", std::strerror(errno)));
      }
      DRAY_RETURN_IF_ERROR(WaitWritable());
      continue;
    }
    traffic_->sent.fetch_add(static_cast<uint64_t>(n), std::memory_order_relaxed);
    auto left = static_cast<size_t>(n);
    while (!parts.empty() && left >= parts.front().iov_len) {
      left -= parts.front().iov_len;
      parts.remove_prefix(1);
    }
    if (left > 0) {
      parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + left;
      parts.front().iov_len -= left;
    }
  }
  return absl::OkStatus();
}

absl::Status Socket::SendAll(std::string_view bytes) {
  iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
  return SendAll(absl::MakeSpan(&part, bytes.empty() ? 0 : 1));
}

absl::Status Socket::SendSome(absl::Span<iovec>* parts, size_t limit_bytes) {
  iovec& first = parts->front();
  iovec some = {first.iov_base, std::min(first.iov_len, limit_bytes)};
  first.iov_base = static_cast<char*>(first.iov_base) + some.iov_len;
  first.iov_len -= some.iov_len;
  if (first.iov_len == 0) parts->remove_prefix(1);
  return SendAll(absl::MakeSpan(&some, 1));
}

absl::StatusOr<size_t> Socket::Receive(MutableBytes out, absl::Duration timeout) {
  if (traffic_->receiving.limits()) {
    out = out.first(std::min(out.size(), traffic_->receiving.step_bytes()));
  }
  while (true) {
    const ssize_t n = ::recv(fd_.get(), out.data(), out.size(), 0);
    if (n > 0) {
      traffic_->received.fetch_add(static_cast<uint64_t>(n), std::memory_order_relaxed);
      traffic_->receiving.Take(static_cast<size_t>(n));
      return static_cast<size_t>(n);
    }
    if (n == 0) return absl::UnavailableError(absl::StrCat(peer_, " closed the connection"));
    if (errno == EINTR) continue;
    if (errno != EAGAIN) {
      return absl::UnavailableError(
          absl::StrCat("lost the connection to ", peer_, ": ", std::strerror(errno)));
    }
    pollfd poll_fd = {fd_.get(), POLLIN, 0};
    const int ready = ::poll(&poll_fd, 1, ToPollTimeout(timeout));
    if (ready == 0) return size_t{0};
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
  }
}

absl::Duration Socket::link_time() const { return LinkTime(fd_.get()); }

bool Socket::writable() const {
  pollfd poll_fd = {fd_.get(), POLLOUT, 0};
  return ::poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & POLLOUT) != 0;
}

void Socket::Shutdown() { ::shutdown(fd_.get(), SHUT_RDWR); }

}  // namespace dray
