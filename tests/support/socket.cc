#include "tests/support/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace dray::testing {
namespace {

sockaddr_in ParseLoopback(const std::string& address) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  const size_t colon = address.rfind(':');
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &result.sin_addr);
  result.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  return result;
}

}  // namespace

RawSocket::RawSocket(const std::string& address)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_in to = ParseLoopback(address);
  if (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) fd_.Reset();
}

bool RawSocket::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string RawSocket::ReceiveUpTo(size_t size, absl::Duration timeout, bool* closed) {
  std::string received;
  *closed = false;
  for (const absl::Time deadline = absl::Now() + timeout; received.size() < size;) {
    const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    pollfd wait{fd_.get(), POLLIN, 0};
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) <= 0) break;
    char buffer[16384];
    const ssize_t got =
        recv(fd_.get(), buffer, std::min(sizeof(buffer), size - received.size()), 0);
    if (got <= 0) {
      *closed = true;
      break;
    }
    received.append(buffer, static_cast<size_t>(got));
  }
  return received;
}

std::string RawSocket::ReceiveAll(absl::Duration timeout, bool* closed) {
  return ReceiveUpTo(SIZE_MAX, timeout, closed);
}

std::string RawSocket::Receive(size_t size, absl::Duration timeout) {
  bool closed = false;
  return ReceiveUpTo(size, timeout, &closed);
}

void RawSocket::FinishSending() { shutdown(fd_.get(), SHUT_WR); }

TakenPort::TakenPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in local = ParseLoopback("127.0.0.1:0");
  socklen_t size = sizeof(local);
  if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&local), size) != 0 ||
      listen(fd_.get(), 1) != 0 ||
      getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&local), &size) != 0) {
    std::abort();
  }
  address_ = absl::StrCat("127.0.0.1:", ntohs(local.sin_port));
}

std::string HttpGet(const std::string& address, const std::string& path, std::string* status_line) {
  RawSocket socket(address);
  if (!socket.connected()) return "";
  socket.Send(
      absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ", address, "\r\nConnection: close\r\n\r\n"));
  bool closed = false;
  const std::string answer = socket.ReceiveAll(absl::Seconds(10), &closed);
  if (status_line != nullptr) *status_line = answer.substr(0, answer.find("\r\n"));
  const size_t body = answer.find("\r\n\r\n");
  return body == std::string::npos ? "" : answer.substr(body + 4);
}

}  // namespace dray::testing
