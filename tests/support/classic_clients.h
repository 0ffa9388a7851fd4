#ifndef DRAY_TESTS_SUPPORT_CLASSIC_CLIENTS_H_
#define DRAY_TESTS_SUPPORT_CLASSIC_CLIENTS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "core/base/file.h"

// Clients of the two classic dialects that read as the old ones do: a bare recv(2) for an answer,
// whose result is compared with a literal, so that an answer that comes cut or with something
// behind it is a wrong answer.
namespace dray::testing {

std::string Md5Hex(std::string_view data);
std::string Sha256Hex(std::string_view data);

// A TCP connection with one time-out for every call.
class BareSocket {
 public:
  explicit BareSocket(const std::string& address, absl::Duration timeout = absl::Seconds(60));

  bool connected() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }
  // What one recv(2) of up to `size` bytes brings; empty at the end, or when nothing comes in time.
  std::string Recv(size_t size);
  // As many bytes, by as many recv(2) as that takes; fewer at the end.
  std::string RecvExactly(size_t size);
  // All until the peer closes.
  std::string RecvAll();
  bool Send(std::string_view bytes);
  // The bytes one at a time, each in a packet of its own.
  bool SendSlowly(std::string_view bytes, absl::Duration pause);
  // Cuts the connection: the peer sees a reset.
  void Reset();

 private:
  UniqueFd fd_;
};

// What a download by the robust dialect brought.
struct RobustAnswer {
  bool ok = false;
  std::string name;
  uint64_t size = 0;
  std::string md5;
  std::string data;
  // Not ok: the server's message, or what the client did not understand.
  std::string error;
  bool whole() const { return ok && data.size() == size && Md5Hex(data) == md5; }
};

std::string RobustRequest(std::string_view name);
// The answer to a request that was sent.
RobustAnswer ReadRobustAnswer(BareSocket& socket);
RobustAnswer RobustGet(const std::string& address, std::string_view name,
                       absl::Duration timeout = absl::Seconds(60));

// A session of the smart dialect. Each call returns what the old client would make of the answers;
// one that it would not understand is returned as it came.
class SmartClient {
 public:
  explicit SmartClient(const std::string& address, absl::Duration timeout = absl::Seconds(60))
      : socket_(address, timeout) {}

  BareSocket& socket() { return socket_; }
  // Sends commands one byte at a time from now on.
  void SetSlow(absl::Duration pause) { pause_ = pause; }
  std::string Ask(std::string_view command);

  std::string List() { return Ask("LIST"); }
  // "" when it was done as far as a client can know.
  std::string Upload(const std::string& name, std::string_view data);
  // "" and the file; or the answer.
  std::string Download(const std::string& name, std::string* data, uint64_t offset = 0,
                       bool compress = false);
  struct Delta {
    std::string answer;        // the last one
    std::vector<int> missing;  // what was asked for
    uint64_t data_bytes = 0;   // of blocks sent
  };
  // `file_hash`: another one than the file's, to provoke a failed check.
  Delta UploadDelta(const std::string& name, std::string_view data, std::string file_hash = "");
  std::string Delete(const std::string& name, const std::string& password) {
    return Ask("DELETE " + name + " " + password);
  }

 private:
  bool SendCommand(std::string_view text);

  BareSocket socket_;
  absl::Duration pause_ = absl::ZeroDuration();
};

// The JSON that UPLOAD_DELTA sends for a file.
std::string BlockListOf(std::string_view data, std::string file_hash = "");

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_CLASSIC_CLIENTS_H_
