#include "tests/support/tcp_reset.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

#include <cstdint>
#include <cstring>

namespace dray::testing {
namespace {

constexpr size_t kIpBytes = sizeof(iphdr);
constexpr size_t kTcpBytes = sizeof(tcphdr);

// RFC 1071, of bytes of an even number.
uint32_t Sum(std::string_view bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(static_cast<uint8_t>(bytes[i]) << 8 |
                                 static_cast<uint8_t>(bytes[i + 1]));
  }
  return sum;
}

uint16_t Checksum(uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return htons(static_cast<uint16_t>(~sum));
}

std::string Reset(in_addr_t from, in_addr_t to, uint16_t from_port, uint16_t to_port,
                  uint32_t sequence, uint32_t acknowledged) {
  iphdr ip{};
  ip.version = 4;
  ip.ihl = kIpBytes / 4;
  ip.tot_len = htons(kIpBytes + kTcpBytes);
  ip.ttl = 64;
  ip.protocol = IPPROTO_TCP;
  ip.saddr = from;
  ip.daddr = to;
  ip.check = Checksum(Sum({reinterpret_cast<const char*>(&ip), kIpBytes}));
  tcphdr tcp{};
  tcp.source = from_port;
  tcp.dest = to_port;
  tcp.seq = sequence;
  tcp.ack_seq = acknowledged;
  tcp.doff = kTcpBytes / 4;
  tcp.rst = 1;
  tcp.ack = 1;
  const uint32_t addresses = Sum({reinterpret_cast<const char*>(&ip.saddr), 8});
  tcp.check = Checksum(addresses + IPPROTO_TCP + kTcpBytes +
                       Sum({reinterpret_cast<const char*>(&tcp), kTcpBytes}));
  std::string packet(kIpBytes + kTcpBytes, '\0');
  std::memcpy(packet.data(), &ip, kIpBytes);
  std::memcpy(packet.data() + kIpBytes, &tcp, kTcpBytes);
  return packet;
}

}  // namespace

std::optional<TcpResets> ResetsFor(std::string_view packet) {
  iphdr ip;
  if (packet.size() < kIpBytes) return std::nullopt;
  std::memcpy(&ip, packet.data(), kIpBytes);
  const size_t ip_bytes = ip.ihl * size_t{4};
  if (ip.version != 4 || ip.protocol != IPPROTO_TCP) return std::nullopt;
  if (packet.size() < ip_bytes + kTcpBytes) return std::nullopt;
  tcphdr tcp;
  std::memcpy(&tcp, packet.data() + ip_bytes, kTcpBytes);
  if (tcp.rst) return std::nullopt;
  const auto taken =
      static_cast<uint32_t>(packet.size() - ip_bytes - tcp.doff * size_t{4} + (tcp.syn ? 1 : 0));
  return TcpResets{
      Reset(ip.daddr, ip.saddr, tcp.dest, tcp.source, tcp.ack_seq, htonl(ntohl(tcp.seq) + taken)),
      Reset(ip.saddr, ip.daddr, tcp.source, tcp.dest, tcp.seq, tcp.ack_seq)};
}

}  // namespace dray::testing
