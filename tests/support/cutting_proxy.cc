#include "tests/support/cutting_proxy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/bytes.h"
#include "tests/support/socket.h"

namespace dray::testing {
namespace {

bool SendAll(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::optional<std::string> ReceiveExactly(int socket, size_t size) {
  std::string bytes(size, '\0');
  const ssize_t received = recv(socket, bytes.data(), size, MSG_WAITALL);
  if (received != static_cast<ssize_t>(size)) return std::nullopt;
  return bytes;
}

}  // namespace

CuttingProxy::CuttingProxy(const std::string& server, FrameType type, int cuts)
    : server_(server),
      type_(type),
      cuts_(cuts),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(here);
  EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&here), sizeof(here)), 0);
  EXPECT_EQ(getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&here), &size), 0);
  EXPECT_EQ(listen(listener_.get(), 64), 0);
  address_ = absl::StrCat("127.0.0.1:", ntohs(here.sin_port));
  accepting_ = std::thread([this] { Accept(); });
}

CuttingProxy::~CuttingProxy() {
  shutdown(listener_.get(), SHUT_RDWR);
  accepting_.join();
  std::vector<std::thread> connections;
  {
    absl::MutexLock lock(&mutex_);
    connections.swap(connections_);
  }
  for (std::thread& connection : connections) connection.join();
}

void CuttingProxy::Accept() {
  while (true) {
    const int client = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    absl::MutexLock lock(&mutex_);
    connections_.emplace_back([this, client] { Serve(client); });
  }
}

void CuttingProxy::Serve(int client) {
  const UniqueFd owned(client);
  RawSocket server(server_);
  if (!server.connected()) return;
  std::thread answers([&] {
    PassAnswers(server.fd(), client);
    shutdown(client, SHUT_RDWR);
    shutdown(server.fd(), SHUT_RDWR);
  });
  char buffer[65536];
  while (true) {
    const ssize_t got = recv(client, buffer, sizeof(buffer), 0);
    if (got <= 0 || !server.Send({buffer, static_cast<size_t>(got)})) break;
  }
  shutdown(server.fd(), SHUT_RDWR);
  answers.join();
}

void CuttingProxy::PassAnswers(int server, int client) {
  const auto preface = ReceiveExactly(server, kPreface.size());
  if (!preface || !SendAll(client, *preface)) return;
  while (true) {
    const auto header = ReceiveExactly(server, kFrameHeaderBytes);
    if (!header) return;
    const auto type = static_cast<FrameType>(static_cast<uint8_t>((*header)[4]));
    if (type == type_ && cuts_.fetch_sub(1) > 0) return;
    if (type == type_) ++cuts_;
    const auto* bytes = reinterpret_cast<const uint8_t*>(header->data());
    const auto payload = ReceiveExactly(server, LoadBigEndian<uint32_t>(bytes));
    if (!payload || !SendAll(client, *header + *payload)) return;
  }
}

}  // namespace dray::testing
