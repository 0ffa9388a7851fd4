#include "tests/support/classic_clients.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <zlib.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "core/base/bytes.h"
#include "core/net/address.h"

namespace dray::testing {
namespace {

constexpr size_t kBlockBytes = 4096;
// What the old clients give recv(2) for an answer.
constexpr size_t kAnswerBytes = 1024;

std::string DigestHex(std::string_view data, const EVP_MD* kind) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(data.data(), data.size(), digest, &size, kind, nullptr);
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

std::string Integer(uint64_t value, size_t bytes) {
  std::string text;
  for (size_t i = bytes; i-- > 0;) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

uint64_t ToInteger(std::string_view text) {
  uint64_t value = 0;
  for (const char c : text) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

std::string Left10(uint64_t value) {
  std::string text = absl::StrCat(value);
  text.resize(10, ' ');
  return text;
}

std::string Inflate(std::string_view compressed) {
  z_stream stream{};
  inflateInit(&stream);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string data;
  int result = Z_OK;
  while (result == Z_OK) {
    const size_t before = data.size();
    data.resize(before + 65536);
    stream.next_out = reinterpret_cast<Bytef*>(data.data() + before);
    stream.avail_out = 65536;
    result = inflate(&stream, Z_NO_FLUSH);
    data.resize(before + 65536 - stream.avail_out);
  }
  inflateEnd(&stream);
  return result == Z_STREAM_END && stream.avail_in == 0 ? data : "not one zlib stream";
}

}  // namespace

std::string Md5Hex(std::string_view data) { return DigestHex(data, EVP_md5()); }
std::string Sha256Hex(std::string_view data) { return DigestHex(data, EVP_sha256()); }

BareSocket::BareSocket(const std::string& address, absl::Duration timeout) {
  const auto parsed = ParseAddress(address);
  if (!parsed.ok()) return;
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(parsed->host.c_str(), absl::StrCat(parsed->port).c_str(), &hints, &found) != 0) {
    return;
  }
  fd_.Reset(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit = absl::ToTimeval(timeout);
  setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (connect(fd_.get(), found->ai_addr, found->ai_addrlen) != 0) fd_.Reset();
  freeaddrinfo(found);
}

std::string BareSocket::Recv(size_t size) {
  std::string bytes(size, '\0');
  const ssize_t got = recv(fd_.get(), bytes.data(), size, 0);
  bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return bytes;
}

std::string BareSocket::RecvExactly(size_t size) {
  std::string bytes;
  bytes.reserve(size);
  while (bytes.size() < size) {
    const std::string more = Recv(std::min<size_t>(size - bytes.size(), 1 << 16));
    if (more.empty()) break;
    bytes += more;
  }
  return bytes;
}

std::string BareSocket::RecvAll() {
  std::string bytes;
  for (std::string more = Recv(65536); !more.empty(); more = Recv(65536)) bytes += more;
  return bytes;
}

bool BareSocket::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool BareSocket::SendSlowly(std::string_view bytes, absl::Duration pause) {
  const int on = 1;
  setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) absl::SleepFor(pause);
    if (!Send(bytes.substr(i, 1))) return false;
  }
  return true;
}

void BareSocket::Reset() {
  const linger now{1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  fd_.Reset();
}

std::string RobustRequest(std::string_view name) {
  return Integer(name.size(), 4) + std::string(name);
}

RobustAnswer ReadRobustAnswer(BareSocket& socket) {
  RobustAnswer answer;
  const std::string first = socket.Recv(5);
  if (first != "OK") {
    answer.error = first == "ERROR" ? socket.RecvAll() : absl::StrCat("not understood: ", first);
    return answer;
  }
  answer.ok = true;
  answer.name = socket.RecvExactly(ToInteger(socket.RecvExactly(4)));
  answer.size = ToInteger(socket.RecvExactly(8));
  answer.md5 = socket.RecvExactly(32);
  answer.data = socket.RecvExactly(answer.size);
  return answer;
}

RobustAnswer RobustGet(const std::string& address, std::string_view name, absl::Duration timeout) {
  BareSocket socket(address, timeout);
  RobustAnswer failed;
  failed.error = "cannot connect";
  if (!socket.connected() || !socket.Send(RobustRequest(name))) return failed;
  return ReadRobustAnswer(socket);
}

bool SmartClient::SendCommand(std::string_view text) {
  return pause_ == absl::ZeroDuration() ? socket_.Send(text) : socket_.SendSlowly(text, pause_);
}

std::string SmartClient::Ask(std::string_view command) {
  SendCommand(command);
  return socket_.Recv(kAnswerBytes);
}

std::string SmartClient::Upload(const std::string& name, std::string_view data) {
  if (const std::string answer = Ask("UPLOAD " + name); answer != "OK") return answer;
  if (const std::string answer = Ask(absl::StrCat(data.size())); answer != "OK") return answer;
  return socket_.Send(data) ? "" : "cannot send";
}

std::string SmartClient::Download(const std::string& name, std::string* data, uint64_t offset,
                                  bool compress) {
  std::string command = "DOWNLOAD " + name;
  if (offset > 0) absl::StrAppend(&command, " OFFSET=", offset);
  if (compress) command += " COMPRESS";
  const std::string answer = Ask(command);
  absl::string_view count_text = answer;
  uint64_t count = 0;
  const bool compressed = absl::ConsumePrefix(&count_text, "COMPRESSED_");
  if (compressed != compress || !absl::SimpleAtoi(count_text, &count)) return answer;
  SendCommand("OK");
  if (!compress) {
    *data = socket_.RecvExactly(count);
  } else {
    std::string stream;
    while (const uint64_t length = ToInteger(socket_.RecvExactly(4))) {
      stream += socket_.RecvExactly(length);
    }
    *data = Inflate(stream);
  }
  return data->size() == count ? "" : absl::StrCat("only ", data->size(), " bytes");
}

std::string BlockListOf(std::string_view data, std::string file_hash) {
  nlohmann::json list;
  list["hashes"] = nlohmann::json::array();
  for (size_t at = 0; at < data.size(); at += kBlockBytes) {
    list["hashes"].push_back(Sha256Hex(data.substr(at, kBlockBytes)));
  }
  list["total_blocks"] = list["hashes"].size();
  list["file_hash"] = file_hash.empty() ? Sha256Hex(data) : file_hash;
  return list.dump();
}

SmartClient::Delta SmartClient::UploadDelta(const std::string& name, std::string_view data,
                                            std::string file_hash) {
  Delta delta;
  delta.answer = Ask("UPLOAD_DELTA " + name);
  if (delta.answer != "ACK") return delta;
  const std::string list = BlockListOf(data, std::move(file_hash));
  delta.answer = Ask(Left10(list.size()));
  if (delta.answer != "OK") return delta;
  socket_.Send(list);
  const std::string length_text = socket_.Recv(10);
  uint64_t length = 0;
  if (length_text.size() != 10 || !absl::SimpleAtoi(length_text, &length)) {
    delta.answer = length_text;
    return delta;
  }
  const auto answer = nlohmann::json::parse(socket_.RecvExactly(length), nullptr, false);
  if (answer.is_object()) delta.missing = answer.value("missing", std::vector<int>());
  for (const int index : delta.missing) {
    const auto block = data.substr(static_cast<size_t>(index) * kBlockBytes, kBlockBytes);
    socket_.Send(absl::StrCat(Integer(static_cast<uint64_t>(index), 4), Integer(block.size(), 4)));
    socket_.Send(block);
    delta.data_bytes += block.size();
    delta.answer = socket_.Recv(kAnswerBytes);
    if (delta.answer != "ACK") return delta;
  }
  delta.answer = socket_.Recv(kAnswerBytes);
  return delta;
}

}  // namespace dray::testing
