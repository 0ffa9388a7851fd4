#include "services/delta/engine/md5s.h"

#include <algorithm>

#include "services/delta/engine/convert.h"
#include "services/delta/engine/names.h"

namespace dray::delta {
namespace {

constexpr size_t kMaxListed = 1000;
constexpr size_t kMd5Bytes = 16;

}  // namespace

absl::Status ListWithoutMd5(CatalogView& view, const v1::FilesWithoutMd5Request& request,
                            v1::VersionsResponse* response) {
  const size_t limit = std::min<size_t>(request.limit(), kMaxListed);
  DRAY_ASSIGN_OR_RETURN(const auto found, view.FindWithoutMd5(request.after_root(), limit));
  for (const VersionName& name : found) {
    const auto version = view.FindVersion(name.entry, name.number);
    if (absl::IsDataLoss(version.status())) continue;  // others may have theirs
    DRAY_RETURN_IF_ERROR(version.status());
    DRAY_ASSIGN_OR_RETURN(const std::string path, PathOf(view, name.entry));
    if (*version) VersionToProto(path, **version, response->add_versions());
  }
  return absl::OkStatus();
}

absl::Status KeepMd5s(CatalogTransaction& transaction, const v1::SetMd5sRequest& request) {
  for (const auto& item : request.items()) {
    const auto root = Root::FromBytes(item.root());
    if (!root || item.md5().size() != kMd5Bytes) {
      return absl::InvalidArgumentError("a root must have 32 bytes, and an MD5 16");
    }
    DRAY_RETURN_IF_ERROR(transaction.SetMd5(*root, item.md5()));
  }
  return absl::OkStatus();
}

}  // namespace dray::delta
