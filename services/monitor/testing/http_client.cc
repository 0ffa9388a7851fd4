#include "services/monitor/testing/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstdlib>

namespace dray::monitor {

TestConnection::TestConnection(const std::string& address)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + address.rfind(':') + 1)));
  const timeval timeout = {20, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) fd_.Reset();
}

void TestConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

std::string TestConnection::ReadAll() { return ReadUntil(""); }

std::string TestConnection::ReadUntil(std::string_view end) {
  std::string all;
  char buffer[4096];
  while (end.empty() || !all.ends_with(end)) {
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
    if (got <= 0) break;
    all.append(buffer, static_cast<size_t>(got));
  }
  return all;
}

std::string TestConnection::ReadPast(std::string_view what) {
  std::string all;
  char buffer[4096];
  while (all.find(what) == std::string::npos) {
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
    if (got <= 0) break;
    all.append(buffer, static_cast<size_t>(got));
  }
  return all;
}

std::string Exchange(const std::string& address, std::string_view request) {
  TestConnection connection(address);
  connection.Send(request);
  return connection.ReadAll();
}

std::string Get(const std::string& address, std::string_view path) {
  return Exchange(address, "GET " + std::string(path) +
                               " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}

}  // namespace dray::monitor
