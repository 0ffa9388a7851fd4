// Names from any bytes: what is split is made of what was given, what is escaped comes back.
#include <cstdlib>

#include "core/base/path.h"
#include "core/testing/fuzz_target.h"

namespace dray {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void Split(std::string_view path) {
  const auto names = SplitRemotePath(path);
  if (!names.ok()) return;
  std::string joined;
  for (const std::string_view name : *names) {
    Check(!name.empty() && name.size() <= kMaxNameBytes && name != "." && name != "..");
    Check(name.find('/') == name.npos && name.find('\0') == name.npos);
    if (!joined.empty()) joined += '/';
    joined += name;
  }
  Check(joined == path);
}

}  // namespace

std::vector<std::string> FuzzCorpus() {
  return {"",         "folder/name", "../up",   "/absolute",      "a//b",
          "\xc3\xa9", "\xff\xfe",    "\\x41\\", "tab\tnew\nline", std::string(300, 'n')};
}

}  // namespace dray

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dray;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Split(text);
  const std::string escaped = EscapeName(text);
  for (const char c : escaped) Check(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  const auto back = UnescapeName(escaped);
  Check(back.ok() && *back == text);
  static_cast<void>(UnescapeName(text));
  return 0;
}
