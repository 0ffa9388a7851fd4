#include "client/part_name.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/path.h"

namespace dray {
namespace {

constexpr std::string_view kPartEnd = ".dray-part";

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string PartName(std::string_view name) {
  constexpr size_t kRoom = kMaxNameBytes - 1 - kPartEnd.size();
  return absl::StrCat(".", View(name.substr(0, kRoom)), View(kPartEnd));
}

bool IsPartName(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
  return name.size() > 1 + kPartEnd.size() && name[0] == '.' &&
         absl::EndsWith(View(name), View(kPartEnd));
}

}  // namespace dray
