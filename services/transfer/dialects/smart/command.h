#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_SMART_COMMAND_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_SMART_COMMAND_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dray::transfer::smart {

// The longest command: a name, a password and the options, with room to spare.
inline constexpr size_t kMaxCommandBytes = 4096;

enum class Verb { kUnknown, kList, kUpload, kDownload, kUploadDelta, kDelete, kExit };

struct Command {
  Verb verb = Verb::kUnknown;
  std::string name;
  uint64_t offset = 0;    // DOWNLOAD
  bool compress = false;  // DOWNLOAD
  std::string password;   // DELETE
  // What is answered to a command that is wrong; nothing else of it counts then but the verb.
  std::string error;
};

// A command as it came, without its newline. Words are split at blanks.
Command ParseCommand(std::string_view text);

// "LIST" and so on, "unknown command" for what is none, for logs: never the rest of a command,
// which may hold a password.
std::string_view VerbName(Verb verb);

// Whether `text` may be (nothing), is (true) or cannot be (false) the beginning of a session: a
// verb, whole.
std::optional<bool> BeginsWithVerb(std::string_view text);

// Whether the dialect can speak of a file of this name: one word of UTF-8, neither "." nor with
// "/",
// ".." or control characters in it.
bool IsPlainName(std::string_view name);

// A count in decimal digits, below 2^63; blanks around it are allowed.
std::optional<uint64_t> ParseCount(std::string_view text);

// `count` as the dialect sends lengths of JSON: left-justified in 10 bytes. REQUIRES: below 10^10.
std::string TenBytes(uint64_t count);

}  // namespace dray::transfer::smart

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_SMART_COMMAND_H_
