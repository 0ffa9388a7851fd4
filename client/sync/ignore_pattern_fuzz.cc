// Patterns of any bytes: parsing and matching end, and what is known without a matcher holds.
#include <cstdlib>

#include "client/sync/ignore_pattern.h"
#include "core/testing/fuzz_target.h"

namespace dray {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// A path with a backslash before each byte is a pattern for that path, tied to the top.
void MatchesItself(std::string_view path) {
  std::string pattern = "/";
  for (const char c : path) pattern.append(1, '\\').push_back(c);
  const auto parsed = IgnorePattern::Parse(pattern);
  Check(parsed && parsed->Matches(path, false) && !parsed->negated());
}

}  // namespace

std::vector<std::string> FuzzCorpus() {
  return {"*.o\na/b.o",
          "/build/\nbuild",
          "!keep\nkeep",
          "a/**/b\na/x/b",
          "**/x\nx",
          "x/**\nx/y",
          "[a-c]*\nbcd",
          "[[:alpha:]]\nq",
          "[!]a-]\n-",
          "\\#x\n#x",
          "a\\ \na ",
          "***/**/*\na/b/c",
          "[[:nonsense:]]\nx",
          "[\nx",
          "\\\n\\",
          "a?c\na/c",
          std::string(64, '*') + "b\naaaaaaaaaaaaaaaa"};
}

}  // namespace dray

// The pattern, a line's end, and the path.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dray;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  const std::string_view path = end == text.npos ? "" : text.substr(end + 1);
  if (const auto pattern = IgnorePattern::Parse(text.substr(0, end))) {
    const bool as_file = pattern->Matches(path, false);
    Check(!as_file || pattern->Matches(path, true));
  }
  const bool plain = !path.empty() && path.find('\n') == path.npos && path.back() != '/';
  if (plain) MatchesItself(path);
  return 0;
}
