#include "services/transfer/dialects/smart/command.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "core/base/path.h"

namespace dray::transfer::smart {
namespace {

struct VerbText {
  Verb verb;
  std::string_view text;
  std::string_view usage;
};

constexpr VerbText kVerbs[] = {
    {Verb::kList, "LIST", "LIST"},
    {Verb::kUpload, "UPLOAD", "UPLOAD filename"},
    {Verb::kDownload, "DOWNLOAD", "DOWNLOAD filename [OFFSET=n] [COMPRESS]"},
    {Verb::kUploadDelta, "UPLOAD_DELTA", "UPLOAD_DELTA filename"},
    {Verb::kDelete, "DELETE", "DELETE filename password"},
    {Verb::kExit, "EXIT", "EXIT"},
};
constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr std::string_view kOffset = "OFFSET=";

// REQUIRES: not kUnknown.
const VerbText& TextOf(Verb verb) {
  return *std::find_if(std::begin(kVerbs), std::end(kVerbs),
                       [verb](const VerbText& text) { return text.verb == verb; });
}

std::vector<std::string_view> SplitWords(std::string_view text) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return words;
    const size_t end = text.find_first_of(kBlanks, begin);
    words.push_back(text.substr(begin, end - begin));
    text.remove_prefix(std::min(end, text.size()));
  }
}

void SetUsage(Command* command) {
  command->error = std::string("ERROR_Usage: ").append(TextOf(command->verb).usage);
}

void ParseDownloadOption(std::string_view word, Command* command) {
  if (word == "COMPRESS") {
    command->compress = true;
  } else if (!word.starts_with(kOffset)) {
    SetUsage(command);
  } else if (const auto offset = ParseCount(word.substr(kOffset.size()))) {
    command->offset = *offset;
  } else {
    command->error = "ERROR_INVALID_OFFSET";
  }
}

}  // namespace

Command ParseCommand(std::string_view text) {
  const std::vector<std::string_view> words = SplitWords(text);
  Command command;
  const auto verb = std::find_if(
      std::begin(kVerbs), std::end(kVerbs),
      [&words](const VerbText& verb) { return !words.empty() && words[0] == verb.text; });
  if (verb == std::end(kVerbs)) {
    command.error = "ERROR_UNKNOWN_COMMAND";
    return command;
  }
  command.verb = verb->verb;
  if (command.verb == Verb::kList || command.verb == Verb::kExit) return command;
  const size_t wanted = command.verb == Verb::kDelete ? 3 : 2;
  const bool more_allowed = command.verb == Verb::kDownload;
  if (words.size() < wanted || (words.size() > wanted && !more_allowed)) {
    SetUsage(&command);
    return command;
  }
  command.name = std::string(words[1]);
  if (command.verb == Verb::kDelete) command.password = std::string(words[2]);
  if (!IsPlainName(command.name)) command.error = "ERROR_INVALID_FILENAME";
  for (size_t i = wanted; i < words.size() && command.error.empty(); ++i) {
    ParseDownloadOption(words[i], &command);
  }
  return command;
}

std::string_view VerbName(Verb verb) {
  return verb == Verb::kUnknown ? "unknown command" : TextOf(verb).text;
}

std::optional<bool> BeginsWithVerb(std::string_view text) {
  bool undecided = false;
  for (const VerbText& verb : kVerbs) {
    if (text.starts_with(verb.text)) return true;
    if (verb.text.starts_with(text)) undecided = true;
  }
  if (undecided) return std::nullopt;
  return false;
}

bool IsPlainName(std::string_view name) {
  const auto odd = [](char c) {
    return c == '/' || c == ' ' || absl::ascii_iscntrl(static_cast<unsigned char>(c));
  };
  return !name.empty() && name.size() <= kMaxNameBytes && name != "." &&
         name.find("..") == std::string_view::npos && std::none_of(name.begin(), name.end(), odd) &&
         IsUtf8(name);
}

std::optional<uint64_t> ParseCount(std::string_view text) {
  const std::vector<std::string_view> words = SplitWords(text);
  if (words.size() != 1) return std::nullopt;
  const char* const end = words[0].data() + words[0].size();
  uint64_t count = 0;
  const auto [parsed, error] = std::from_chars(words[0].data(), end, count);
  if (error != std::errc() || parsed != end ||
      count > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return std::nullopt;
  }
  return count;
}

std::string TenBytes(uint64_t count) { return absl::StrFormat("%-10d", count); }

}  // namespace dray::transfer::smart
