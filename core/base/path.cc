#include "core/base/path.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace dray {
namespace {

absl::Status Refuse(std::string_view path, std::string_view why) {
  constexpr size_t kShown = 200;
  const std::string shown = EscapeName(path.substr(0, kShown));
  return absl::InvalidArgumentError(
      absl::StrFormat("path \"%s%s\" %s", shown, path.size() > kShown ? "..." : "", why));
}

// How many bytes the valid UTF-8 sequence at `text`'s start has; 0 if there is none (RFC 3629).
size_t Utf8SequenceLength(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  if (first == 0xE0 && at(1) < 0xA0) return 0;  // overlong
  if (first == 0xED && at(1) > 0x9F) return 0;  // surrogate
  if (first == 0xF0 && at(1) < 0x90) return 0;  // overlong
  if (first == 0xF4 && at(1) > 0x8F) return 0;  // beyond U+10FFFF
  return length;
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool IsAtOrBeneath(std::string_view path, std::string_view folder) {
  if (folder.empty()) return true;
  if (path.substr(0, folder.size()) != folder) return false;
  return path.size() == folder.size() || path[folder.size()] == '/';
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

absl::StatusOr<std::vector<std::string_view>> SplitRemotePath(std::string_view path) {
  std::vector<std::string_view> names;
  if (path.empty()) return names;
  if (path.size() > kMaxPathBytes) {
    return Refuse(path, absl::StrCat("is longer than ", kMaxPathBytes, " bytes"));
  }
  if (path.find('\0') != std::string_view::npos) return Refuse(path, "holds a NUL byte");
  if (path.front() == '/') return Refuse(path, "is absolute; give it relative to the server's top");
  size_t start = 0;
  while (true) {
    const size_t slash = path.find('/', start);
    const std::string_view name = path.substr(start, slash - start);
    if (name.empty()) return Refuse(path, "has an empty name in it");
    if (name == "." || name == "..") return Refuse(path, "has a \".\" or \"..\" in it");
    if (name.size() > kMaxNameBytes) {
      return Refuse(path, absl::StrCat("has a name longer than ", kMaxNameBytes, " bytes"));
    }
    names.push_back(name);
    if (slash == std::string_view::npos) return names;
    start = slash + 1;
  }
}

std::string EscapeName(std::string_view name) {
  std::string text;
  text.reserve(name.size());
  for (size_t i = 0; i < name.size();) {
    const uint8_t byte = static_cast<uint8_t>(name[i]);
    const size_t length = Utf8SequenceLength(name.substr(i));
    // C1 controls (U+0080 to U+009F) are two bytes: c2 80 to c2 9f.
    const bool control = byte < 0x20 || byte == 0x7F ||
                         (length == 2 && byte == 0xC2 && static_cast<uint8_t>(name[i + 1]) < 0xA0);
    if (byte == '\\') {
      text += "\\\\";
      ++i;
    } else if (length == 0 || control) {
      for (size_t end = i + (length == 0 ? 1 : length); i < end; ++i) {
        text += absl::StrFormat("\\x%02x", static_cast<uint8_t>(name[i]));
      }
    } else {
      text.append(name.substr(i, length));
      i += length;
    }
  }
  return text;
}

absl::StatusOr<std::string> UnescapeName(std::string_view text) {
  std::string name;
  name.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      name += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '\\') {
      name += '\\';
      ++i;
    } else if (i + 3 < text.size() && text[i + 1] == 'x' && HexValue(text[i + 2]) >= 0 &&
               HexValue(text[i + 3]) >= 0) {
      name += static_cast<char>(HexValue(text[i + 2]) * 16 + HexValue(text[i + 3]));
      i += 3;
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", absl::string_view(text.data(), text.size()),
                       "\" has a backslash that is neither \"\\\\\" nor \"\\xHH\""));
    }
  }
  return name;
}

}  // namespace dray
