#include "cli/remote_name.h"

#include "core/base/path.h"

namespace dray {
namespace {

constexpr char kScheme[] = "dray://";
constexpr size_t kSchemeLength = sizeof(kScheme) - 1;

}  // namespace

bool LooksRemote(const std::string& text) {
  return (!text.empty() && text[0] == ':') || text.compare(0, kSchemeLength, kScheme) == 0;
}

absl::StatusOr<RemoteName> ParseRemoteName(const std::string& text) {
  if (!LooksRemote(text)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", EscapeName(text),
                     "\" is no name on a server: write it like :/path or dray://host:port/path"));
  }
  RemoteName name;
  std::string path = text.substr(1);
  if (text[0] != ':') {
    const size_t slash = text.find('/', kSchemeLength);
    DRAY_ASSIGN_OR_RETURN(
        name.server, ParseAddress(text.substr(kSchemeLength, slash - kSchemeLength), kDefaultPort));
    path = slash == std::string::npos ? "" : text.substr(slash);
  }
  if (!path.empty() && path.front() == '/') path.erase(0, 1);
  name.folder = path.empty() || path.back() == '/';
  if (!path.empty() && path.back() == '/') path.pop_back();
  DRAY_ASSIGN_OR_RETURN(name.path, UnescapeName(path));
  DRAY_RETURN_IF_ERROR(SplitRemotePath(name.path).status());
  return name;
}

}  // namespace dray
