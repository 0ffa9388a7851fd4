#include "core/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "core/base/path.h"

namespace dray {
namespace {

constexpr size_t kMaxHostBytes = 253;  // RFC 1035

absl::Status Refuse(std::string_view text, absl::string_view why) {
  constexpr size_t kShown = 300;
  return absl::InvalidArgumentError(
      absl::StrCat("address \"", EscapeName(text.substr(0, kShown)), "\" ", why,
                   "; write it like 127.0.0.1:5000, [::1]:5000 or files.example:5000"));
}

// A host and, where there is one, the text of its port.
struct Split {
  std::string_view host;
  std::optional<std::string_view> port;
  bool bracketed = false;
};

absl::StatusOr<Split> SplitAddress(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return Refuse(text, "lacks a \"]\"");
    Split split{.host = text.substr(1, close - 1), .port = std::nullopt, .bracketed = true};
    const std::string_view rest = text.substr(close + 1);
    if (rest.empty()) return split;
    if (rest.front() != ':') return Refuse(text, "has something other than \":port\" after \"]\"");
    split.port = rest.substr(1);
    return split;
  }
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return Split{.host = text, .port = std::nullopt};
  if (text.find(':', colon + 1) != std::string_view::npos) {
    return Refuse(text, "has several colons: an IPv6 address needs brackets");
  }
  return Split{.host = text.substr(0, colon), .port = text.substr(colon + 1)};
}

bool IsIpv6Literal(std::string_view host) {
  const size_t percent = host.find('%');
  if (percent != std::string_view::npos) {
    const std::string_view zone = host.substr(percent + 1);
    const auto fits = [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
    };
    if (zone.empty() || !std::all_of(zone.begin(), zone.end(), fits)) return false;
  }
  in6_addr ignored;
  return ::inet_pton(AF_INET6, std::string(host.substr(0, percent)).c_str(), &ignored) == 1;
}

bool IsHostName(std::string_view host) {
  if (host.empty() || host.size() > kMaxHostBytes || host.front() == '-') return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
}

// Digits only: no sign, no space.
std::optional<uint16_t> ParsePort(std::string_view text) {
  uint32_t port = 0;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit) ||
      !absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &port) || port > 65535) {
    return std::nullopt;
  }
  return static_cast<uint16_t>(port);
}

}  // namespace

std::string Address::ToString() const {
  const bool brackets = host.find(':') != std::string::npos;
  return absl::StrCat(brackets ? "[" : "", host, brackets ? "]:" : ":", port);
}

absl::StatusOr<Address> ParseAddress(std::string_view text, uint16_t default_port) {
  DRAY_ASSIGN_OR_RETURN(const Split split, SplitAddress(text));
  if (split.host.empty()) return Refuse(text, "has no host");
  if (split.bracketed ? !IsIpv6Literal(split.host) : !IsHostName(split.host)) {
    return Refuse(text, split.bracketed ? "has no IPv6 address in its brackets"
                                        : "has no valid host name or IPv4 address");
  }
  if (!split.port && default_port == 0) return Refuse(text, "has no port");
  const auto port = split.port ? ParsePort(*split.port) : default_port;
  if (!port) return Refuse(text, "has a port that is no number from 0 to 65535");
  return Address{.host = std::string(split.host), .port = *port};
}

bool IsLoopback(std::string_view host) {
  // The system's parsers would stop there.
  if (host.find('\0') != std::string_view::npos) return false;
  const std::string text(host);
  if (absl::EqualsIgnoreCase(text, "localhost")) return true;
  constexpr uint8_t kLoopbackNet = 127;
  in_addr v4;
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == kLoopbackNet;
  }
  in6_addr v6;
  if (::inet_pton(AF_INET6, text.c_str(), &v6) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return v6.s6_addr[12] == kLoopbackNet;
  return IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace dray
