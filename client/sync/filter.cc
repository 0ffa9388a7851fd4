#include "client/sync/filter.h"

#include <utility>

#include "core/base/file.h"
#include "core/base/path.h"

namespace dray {
namespace {

constexpr size_t kMaxFileBytes = 16 << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

absl::Status Filter::AddPattern(std::string_view line) {
  auto pattern = IgnorePattern::Parse(line);
  if (!pattern) {
    return absl::InvalidArgumentError(absl::StrCat("the pattern \"", EscapeName(line),
                                                   "\" is empty, or a comment: put a backslash "
                                                   "before a \"#\" that begins a name"));
  }
  patterns_.push_back(*std::move(pattern));
  return absl::OkStatus();
}

absl::Status Filter::AddInclude(std::string_view line) {
  return AddPattern(absl::StrCat("!", absl::string_view(line.data(), line.size())));
}

absl::Status Filter::AddFile(const std::string& file) {
  DRAY_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(file, kMaxFileBytes));
  std::string_view rest = text;
  if (rest.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    rest.remove_prefix(kByteOrderMark.size());
  }
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (auto pattern = IgnorePattern::Parse(line)) patterns_.push_back(*std::move(pattern));
  }
  return absl::OkStatus();
}

bool Filter::Excludes(std::string_view path, bool is_folder) const {
  for (auto pattern = patterns_.rbegin(); pattern != patterns_.rend(); ++pattern) {
    if (pattern->Matches(path, is_folder)) return !pattern->negated();
  }
  return false;
}

}  // namespace dray
